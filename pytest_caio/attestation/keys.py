"""Ed25519 keys as PEM files (RFC 8410): a private one to sign evidence with, a public one to verify it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_caio.errors import InputError
from pytest_caio.system.atomicfile import write_atomically
from pytest_caio.system.textfile import UTF16, is_utf16

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey

__all__ = ["PRIVATE_NAME", "PUBLIC_NAME", "SigningKey", "generate", "load_private", "load_public"]

PRIVATE_NAME = "caio-evidence.key"
PUBLIC_NAME = "caio-evidence.pub"
_INSTALL = "pip install 'pytest-caio[sign]'"
_LARGEST = 64 * 1024  # bytes; a key has some hundred
_HEADER_CHARACTERS = 22  # of the base64 of a private key: the same in every one, the rest is the key


@dataclass(frozen=True)
class SigningKey:
    """A private key that signs, and the texts that must not be shown, by their names."""

    signer: CryptoSigner
    secrets: Mapping[str, str]


def generate(folder: Path) -> tuple[Path, Path, str]:
    """Write a new pair of keys to `folder`; return the private file, the public file and the key's id.

    Only the owner may read the private file (on Windows it has the permissions of its folder). Raises
    InputError if either file exists or cannot be written, or if the extra `sign` is not installed.
    """
    _need_library("keygen")
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - of an extra
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from securesystemslib.signer import SSlibKey  # noqa: PLC0415

    private, public = folder / PRIVATE_NAME, folder / PUBLIC_NAME
    for path in (private, public):
        if os.path.lexists(path):  # also a link that leads nowhere yet
            raise InputError(f"--out {folder}: {path.name} is there already; keep it, or name another folder")
    key = Ed25519PrivateKey.generate()
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
        write_atomically(private, secret, mode=0o600)
        shown = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        write_atomically(public, shown)
    except OSError as error:
        reason = error.strerror or "is in use"
        raise InputError(f"--out {folder}: the keys cannot be written there: {reason}") from None
    return private, public, SSlibKey.from_crypto(key.public_key()).keyid


def load_private(path: Path, option: str) -> SigningKey:
    """Return the key of a file. Raises InputError, naming the option, if it is no Ed25519 private key."""
    _need_library(option)
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - of an extra
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from securesystemslib.signer import CryptoSigner  # noqa: PLC0415

    raw = _content(path, option)
    try:
        key = serialization.load_pem_private_key(raw, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(
            f"{option} {path}: is no Ed25519 private key; `python -m pytest_caio keygen --out DIR` makes "
            f"{PRIVATE_NAME}, which is one"
        )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    body = "".join(pem.decode("ascii").splitlines()[1:-1])
    secrets = {
        "evidence key": body[_HEADER_CHARACTERS:],
        "evidence key, in hex": key.private_bytes_raw().hex(),
    }
    return SigningKey(CryptoSigner(key), secrets)


def load_public(path: Path, option: str) -> SSlibKey:
    """Return the key of a file. Raises InputError, naming the option, if it is no Ed25519 public key."""
    _need_library(option)
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - of an extra
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from securesystemslib.signer import SSlibKey  # noqa: PLC0415

    raw = _content(path, option)
    try:
        key = serialization.load_pem_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        private = " but a private key, which must not be handed on" if b"PRIVATE KEY" in raw else ""
        raise InputError(f"{option} {path}: is no Ed25519 public key{private}; give {PUBLIC_NAME}")
    return SSlibKey.from_crypto(key)


def _content(path: Path, option: str) -> bytes:
    try:
        with path.open("rb") as file:  # it may be a pipe, as a shell's <(...) is, or a device without an end
            raw = file.read(_LARGEST)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise InputError(f"{option} {path}: {getattr(error, 'strerror', None) or 'cannot be read'}") from None
    if is_utf16(raw):
        raise InputError(f"{option} {path}: {UTF16}")
    return raw


def _need_library(option: str) -> None:
    try:
        import cryptography.exceptions  # noqa: F401, PLC0415 - of an extra
        import securesystemslib.dsse  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        name = (error.name or "").split(".")[0]
        raise InputError(f"{option}: needs {name}, which is not installed: {_INSTALL}") from None
