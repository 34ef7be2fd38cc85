"""The shape of the JSON evidence, and a function that compares evidence with it."""

from __future__ import annotations

from typing import Any

__all__ = ["SHAPE", "misshapen"]

# The fields of architecture.md, "Evidence".
SHAPE: dict[str, Any] = {
    "format": str,
    "version": int,
    "verdict": str,
    "run": {
        "id": str,
        "started": str,
        "finished": str,
        "tool": dict,
        "selection": str,
        "options": dict,
        "narrowed": [str],
    },
    "environments": [
        {
            "name": str,
            "base_url": str,
            "verdict": str,
            "commit": str,
            "gates": [
                {
                    "name": str,
                    "passed": int,
                    "failed": int,
                    "waived": int,
                    "advised": int,
                    "missing": int,
                    "not_run": int,
                }
            ],
            "checks": [
                {
                    "id": str,
                    "gate": str,
                    "title": str,
                    "blocking": bool,
                    "outcome": str,
                    "fix": str,
                    "by": str,
                    "expected": str,
                    "observed": str,
                    "waiver": (dict, type(None)),
                    "cases": [
                        {
                            "name": str,
                            "outcome": str,
                            "expected": str,
                            "observed": str,
                            "duration_ms": (int, float),
                            "exchanges": [int],
                            "fix": str,
                            "by": str,
                            "cause": str,
                            "missing": [str],
                        }
                    ],
                }
            ],
            "exchanges": [
                {
                    "n": int,
                    "method": str,
                    "url": str,
                    "status": (int, type(None)),
                    "request_headers": [list],
                    "request_body": (str, type(None)),
                    "response_headers": [list],
                    "body_sha256": str,
                    "body_excerpt": str,
                    "attempts": [dict],
                    "started": str,
                    "timing_ms": (int, float),
                }
            ],
        }
    ],
    "causes": [
        {
            "environment": str,
            "sentence": str,
            "action": str,
            "who": str,
            "checks": [str],
            "cases": [{"check": str, "name": str, "expected": str, "observed": str}],
        }
    ],
    "since": list,
    "waivers": list,
    "env_diff": dict,
}


def misshapen(value: Any, shape: Any, at: str = "evidence") -> list[str]:
    """Return the differences between `value` and `shape`, each as a sentence."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{at} is no object"]
        found = [f"{at}.{key} is missing" for key in shape if key not in value]
        return found + [
            line for key in shape if key in value for line in misshapen(value[key], shape[key], f"{at}.{key}")
        ]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{at} is no list"]
        return [line for n, one in enumerate(value) for line in misshapen(one, shape[0], f"{at}[{n}]")]
    kinds = shape if isinstance(shape, tuple) else (shape,)
    return [] if type(value) in kinds else [f"{at} is {type(value).__name__}"]
