"""Fresh secrets of every kind, planted where a run reads them, and runs in which tests print them."""

from __future__ import annotations

import atexit
import json
import secrets
import shutil
import string
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pytest_caio.environments.keys import SECRETS
from tests.support.places import CHECKOUT
from tests.support.scanner import Scanner
from tests.support.suite_runs import Outcome, run_suite

__all__ = ["HEADER", "VERBOSE", "Planted", "made"]

# Every secret except for the signing key, which has a special format.
KEYS = [key for key in SECRETS if key != "INNGEST_SIGNING_KEY"]
SENDING = (
    "(chatter or near_misses or token_elsewhere or revoked or bearers or cookie or cors or are_ready or redis"
    " or cloud_mode or query_token or instantly or secrets or test_operator)"
    # Forty ways to write a path, and the same signatures on other routes, send no other secret.
    " and not other_spellings and not other_methods and not credentials_of_others"
)
# Characters of a header value, except for $: in an env file, ${NAME} is replaced by another value.
HEADER = string.ascii_letters + string.digits + "!#%&'()*+,-./:;<=>?@[]^_`{|}~"


def made(random: str = HEADER, size: int = 32) -> str:
    """Return a new secret."""
    return "".join(secrets.choice(random) for _ in range(size))


@cache
def _home(*, telling: bool) -> Path:
    """Return a folder with a copy of the suite, with or without the tests of chatter.py.

    All runs share it, and thus the bytecode of its modules.
    """
    home = Path(tempfile.mkdtemp(prefix="caio-home-"))
    atexit.register(shutil.rmtree, home)
    (home / "acceptance").mkdir()
    for path in (*(CHECKOUT / "acceptance").glob("*.*"), CHECKOUT / "pytest.ini", CHECKOUT / "conftest.py"):
        (home / path.relative_to(CHECKOUT)).write_bytes(path.read_bytes())
    if telling:
        chatter = (CHECKOUT / "tests/support/chatter.py").read_bytes()
        (home / "acceptance" / "test_chatter.py").write_bytes(chatter)
    return home


class Planted:
    """Fresh secrets of every kind, where a run reads them; `known` has all that no output may contain."""

    def __init__(self, folder: Path, alphabet: str = string.ascii_letters + string.digits + "-_") -> None:
        self.folder = folder
        values = {key: made(alphabet) for key in KEYS}
        password, key = made(string.ascii_letters), made("0123456789abcdef", 64)
        self.environment = {"DEPLOY_PASSWORD": made(), "SOME_API_KEY": made(string.ascii_letters, 40)}
        # What else may stand in a header is refused as a line of the file: it holds more than the token.
        unlike = str.maketrans("", "", "'`,;[]{}<>()=:#")
        self.revoked = [f"r{made(HEADER.translate(unlike))}" for _ in range(2)]
        url = f"redis://default:{password}@127.0.0.1:1/0"
        lines = {**values, "REDIS_URL": url, "INNGEST_SIGNING_KEY": f"signkey-prod-{key}"}
        lines |= {"EXTRA_DSN": f"https://{made(string.ascii_lowercase)}@o1.ingest.example/12345"}
        self.env_file = folder / "caio.env"
        # The last CLAY_WEBHOOK_SECRET counts, and `--token` takes precedence over the file's token.
        older = made(string.ascii_letters)
        # What begins like NAME= or NAME: is refused as a token: it looks like a line of an env file.
        self.token = "t" + made(alphabet.replace("=", "").replace(":", ""))
        pairs = [("CLAY_WEBHOOK_SECRET", older), *lines.items()]
        self.env_file.write_text("".join(f"{k}='{v}'\n" for k, v in pairs), "utf-8")
        self.revoked_file = folder / "revoked"
        self.revoked_file.write_text("\n".join(self.revoked), "utf-8")
        dsn = lines["EXTRA_DSN"].split("//")[1].split("@")[0]
        others = [password, key, dsn, *self.environment.values(), *self.revoked, older, self.token]
        self.known = [*values.values(), *others]

    def run(
        self,
        url: str,
        *arguments: str,
        gates: Sequence[str] = ("",),
        texts: list[str] | None = None,
        **how: Any,
    ) -> Outcome:
        """Run gates of the suite (by default all), the tests that print `texts` among them, against `url`.

        `how` is for `start_suite`.
        """
        told = self.folder / "texts.json"
        told.write_text(json.dumps(texts or []), "utf-8")
        (self.folder / "evidence").mkdir(exist_ok=True)
        return run_suite(
            *(f"acceptance/test_{gate}.py" if gate else "acceptance" for gate in gates),
            *("--env=staging", f"--base-url={url}", f"--env-file={self.env_file}"),
            *(f"--revoked-tokens=@{self.revoked_file}", "--allow-writes", "-Wdefault"),
            *(f"--token={self.token}", "--metadata", "told", self.token),
            *("-p", "cacheprovider", "-o", f"cache_dir={self.folder / 'cache'}"),
            # Each way in which a secret is sent, but not each path to which it is sent.
            *("-k", SENDING),
            *(argument.replace("{evidence}", str(self.folder / "evidence")) for argument in arguments),
            folder=self.folder / "evidence",
            cwd=_home(telling=texts is not None),
            environment={**self.environment, "CHATTER": str(told), **how.pop("environment", {})},
            path=(CHECKOUT, self.folder),
            **how,
        )

    def leaks(self, outcome: Outcome, more: list[str]) -> dict[str, list[str]]:
        """Return the parts of secrets in the outputs of a run, by output."""
        scanner = Scanner([*self.known, *more])
        found = scanner.leaks_under(self.folder / "evidence", self.folder / "cache")
        found |= {name: scanner.leaks(getattr(outcome, name)) for name in ("stdout", "stderr")}
        return {where: leaks for where, leaks in found.items() if leaks}


VERBOSE = ("-rA", "-vv", "--showlocals", "--tb=long", "--setup-show", "--durations=0", "--durations-min=0")
