"""Golden sets with recorded answers, as large as a test or a benchmark asks for, made the same every time."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["MISSED", "write_recorded"]

MISSED = 50  # one case in so many misses
_SUBJECTS = "freight audit pallet customs invoice warehouse forecast carrier tender route".split()
_PLACES = "Bergen Halden Lisbon Turin Gdansk Utrecht Malmö Graz Porto Leeds".split()


def write_recorded(folder: Path, cases: int, baseline: bool = False) -> tuple[Path, Path]:
    """Write `cases` cases and their answers as JSON lines, 1.5 kB a case; return both files.

    Each case has words of its own, and one in 50 is answered with what no source says.
    """
    golden, answers = folder / "golden.jsonl", folder / "answers.jsonl"
    with golden.open("w", encoding="utf-8") as questions, answers.open("w", encoding="utf-8") as replies:
        for n in range(cases):
            subject, place = _SUBJECTS[n % 10], _PLACES[n // 10 % 10]
            case = {
                "id": f"OUT-{n:07}",
                "input_query": f"What does customer {n} in {place} pay for its {subject} contract this year?",
                "expected_tools": ["crm_lookup", f"{subject}_search"],
                "positive_constraints": [
                    f"Must mention customer {n}",
                    f"States that the {subject} contract costs {n + 1000} euros a month",
                    "Offers a call with the account manager",
                ],
                "negative_constraints": ["Do not promise a discount", "Do not call send_email"],
            }
            said = (
                f"Customer {n} in {place} pays for one contract. The {subject} contract costs {n + 1000} "
                f"euros a month, and it was signed by the board on 3 March. It runs for {n % 7 + 2} years, "
                f"with two months' notice; the price is fixed. You can have a call with the account manager."
            )
            more = (
                f"Their competitor from {place} ships {n} frozen salmon abroad every week. Three sisters "
                "founded it in 1911 beside the harbour. A zeppelin moored above the opera house brought the "
                "first customers."
            )
            reply = {
                "id": case["id"],
                "actual_output": more if n % MISSED == MISSED - 1 else said,
                "tool_trace_log": [f"crm_lookup(customer={n})", f"{subject}_search: 3 hits"],
                "rag_context_chunks": [
                    said,
                    f"Account note {n}: {place} renewed its {subject} contract, and wants invoices in PDF.",
                    "The account manager answers calls from nine to five, and offers a visit twice a year.",
                ],
                "metadata": {"model": "recorded", "tokens": n % 900},
            }
            questions.write(json.dumps(case) + "\n")
            replies.write(json.dumps(reply) + "\n")
    return golden, answers
