"""Runs of a single gate for many profiles, and the folder of the suite."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.support import forked
from tests.support.hosted import READY_BUDGET_MS
from tests.support.places import CHECKOUT, as_toml
from tests.support.suite_runs import PATIENT

__all__ = ["SUITE", "Gate", "ask_gate", "gate_module", "toml"]

SUITE = (
    CHECKOUT / "acceptance" if (CHECKOUT / "acceptance" / "test_state.py").exists() else CHECKOUT / "staged"
)
Table = Mapping[str, object]


@dataclass(frozen=True)
class Gate:
    """What a run left: its exit status, its output and evidence, and the environments by profile."""

    status: int
    shown: str
    environments: Mapping[str, Mapping[str, Any]]

    def outcomes(self, profile: str) -> dict[str, str]:
        """Return the outcome of each check by its id."""
        return {check["id"]: check["outcome"] for check in self.environments[profile]["checks"]}

    def apart(self, profile: str, *usual: str) -> dict[str, str]:
        """Return the outcomes that are neither `passed` nor one of `usual`."""
        return {i: o for i, o in self.outcomes(profile).items() if o not in ("passed", *usual)}

    def observed(self, profile: str, check_id: str) -> str:
        """Return what the cases of a check that did not pass observed."""
        (check,) = [c for c in self.environments[profile]["checks"] if c["id"] == check_id]
        return "; ".join(case["observed"] for case in check["cases"] if case["outcome"] != "passed")

    def fix(self, profile: str, check_id: str) -> str:
        """Return what a check says is to be done."""
        (check,) = [c for c in self.environments[profile]["checks"] if c["id"] == check_id]
        return str(check["fix"])

    def missed(self, profile: str) -> list[str]:
        """Return the golden cases that were not answered as expected."""
        (check,) = [c for c in self.environments[profile]["checks"] if c["id"] == "RPL-02"]
        return [case["name"] for case in check["cases"] if case["outcome"] != "passed"]


def toml(profiles: Mapping[str, Mapping[str, Table]]) -> str:
    """Return profiles as TOML, each a mapping of its sections; the empty name has the profile's own keys."""
    lines = []
    for name, sections in profiles.items():
        for section, keys in sections.items():
            lines.append(f"[{name}.{section}]" if section else f"[{name}]")
            # Strings and numbers are written in the same way in JSON and TOML.
            lines += [f"{key} = {as_toml(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def ask_gate(
    gate: str,
    folder: Path,
    *arguments: str,
    profiles: Mapping[str, Mapping[str, Table]] | None = None,
    env: Mapping[str, str] | None = None,
) -> Gate:
    """Run one gate of the suite for every profile, with the evidence in `folder`."""
    if profiles is not None:
        path = folder / "profiles.toml"
        patient = {
            name: {**sections, "": {"ready_budget_ms": READY_BUDGET_MS, **sections.get("", {})}}
            for name, sections in profiles.items()
        }
        path.write_text(toml(patient), "utf-8")
        arguments = (*arguments, f"--profiles={path}", *(f"--env={name}" for name in profiles))
    evidence = folder / "evidence"
    done = forked.run(
        [
            *(str(SUITE / f"test_{gate}.py"), "-q", "-p", "pytest_base_url.plugin", "-p", "xdist"),
            *(
                "-p",
                "no:cacheprovider",
                "-p",
                "no:terminalprogress",
                f"--evidence-dir={evidence}",
                PATIENT,
                *arguments,
            ),
        ],
        cwd=CHECKOUT,
        environment={
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "",
            **(env or {}),
        },
    )
    shown = done.stdout + done.stderr
    environments: dict[str, Any] = {}
    for path in evidence.glob("*Z.json"):
        shown += path.read_text("utf-8")
        found = json.loads(path.read_text("utf-8"))["environments"]
        environments |= {environment["name"]: environment for environment in found}
    shown += "".join(path.read_text("utf-8") for path in evidence.glob("*.html"))
    return Gate(done.returncode, shown, environments)


def gate_module(gate: str) -> ModuleType:
    """Return the module of a gate, such as `readiness`, whose checks a test can call by itself."""
    spec = importlib.util.spec_from_file_location(f"{gate}_gate", SUITE / f"test_{gate}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
