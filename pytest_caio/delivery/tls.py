"""The certificate authorities of deliveries: those of a run, and a private one where a tracker needs it."""

from __future__ import annotations

import ssl
from pathlib import Path

from pytest_caio.errors import InputError
from pytest_caio.probing.tls import authorities

__all__ = ["trusting"]


def trusting(bundle: str, source: str) -> ssl.SSLContext:
    """Return a TLS context that also trusts the authorities of a PEM file, or of a folder as of `c_rehash`.

    An empty `bundle` adds none. Raises InputError, naming `source`, if there is no certificate in it.
    """
    context, path = authorities(), Path(bundle)
    try:
        if not bundle:
            return context
        if path.is_dir():
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(bundle)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        why = (
            error.strerror if isinstance(error, FileNotFoundError | PermissionError) else "has no certificate"
        )
        raise InputError(
            f"{source} {bundle}: {why}; give the authority's certificate as a PEM file"
        ) from None
    return context
