"""A small rule-based outbound-sales agent: `python -m pytest_caio.reference.golden.agent [--lines]`.

It reads a JSON question (`input_query`) from standard input and writes its answer as JSON: the whole input is
one question, or with `--lines` each line is one. It finds the lead and the campaign that the question names,
chooses tools by keywords, looks up the notes that share the rarest words with the question, and answers with
the results of the tools and the notes. It knows nothing of the golden cases, and cannot answer all of them.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from typing import Any

from pytest_caio.reference.golden.desk import Desk

__all__ = ["answer", "main"]

# Each tool with the words of a question that call for it, in the order in which tools are called.
_RULES = (
    ("crm_lookup", r"crm|record|history|last touch|stage|who is|status of"),
    ("enrich_lead", r"enrich|firmographic|how many employees|headcount|company size|email address valid"),
    ("score_icp", r"\bicp\b|\bfit\b|\btier\b|qualif|worth (?:contacting|pursuing)"),
    ("check_compliance", r"allowed|may we|can we (?:email|write|contact)|consent|gdpr|legal(?:ly)? to"),
    ("suppress_contact", r"unsubscribe me|take me off|stop emailing|opt(?:ed)? out|remove (?:me|her|him)"),
    ("draft_outreach", r"\bdraft|write (?:a|an|the) |compose|first email to"),
    ("book_meeting", r"\bbook|schedule|calendar|slots?\b|meeting with"),
    ("campaign_stats", r"campaign|reply rate|open rate|bounce rate of"),
    ("escalate_to_human", r"lawyer|lawsuit|sue|journalist|press\b|complain|furious|angry|discount|escalate"),
)
_STOP = frozenset(
    "a an and any are as at be by can could do does for from get has have help how i if in is it just let "
    "many may me more much must my need of on or our please should so that the their them they this to "
    "today us want we what when which who will with would you your".split()
)
_INDEX: dict[str, set[str]] = {}  # the stems of each note, which are the same for all questions


def answer(question: str, desk: Desk) -> dict[str, Any]:
    """Return the four fields of the answer to one question; `desk` must be new, as it collects sources."""
    text = re.sub(r"[-(,\s]*\b(?:please|kindly)\b[-),\s]*", " ", question.casefold())
    lead = _named(text, desk.knowledge["leads"], ("name", "company"))
    campaign = _named(text, desk.knowledge["campaigns"], ("name",))
    trace, lines = [], []
    for tool, pattern in _RULES:
        if re.search(pattern, text):
            act: Callable[[dict[str, Any] | None], list[str]] = getattr(desk, tool)
            lines += act(campaign if tool == "campaign_stats" else lead)
            trace.append(tool)
    topics = _retrieve(text, desk.knowledge["notes"])
    if topics and not (trace and (lead or campaign)):
        trace.append("search_knowledge")
        lines += [desk.note(topic) for topic in topics]
    if not lines:
        lines = ["I have nothing on that, so a human should look at it."]
    return {
        "actual_output": " ".join(dict.fromkeys(lines)),
        "tool_trace_log": trace,
        "rag_context_chunks": desk.sources,
        "metadata": {"lead": lead["name"] if lead else None, "notes": topics},
    }


def _named(text: str, records: list[dict[str, Any]], fields: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the record that the question names, in full or by the first word of a name."""
    for words in (None, 1):
        for record in records:
            names = (" ".join(record[field].casefold().split()[:words]) for field in fields)
            if any(re.search(rf"\b{re.escape(name)}\b", text) for name in names):
                return record
    return None


def _stems(text: str) -> set[str]:
    found = (word for word in re.findall(r"[a-z0-9]+", text.casefold()) if word not in _STOP)
    return {re.sub(r"(?:ing|ed|es|s)$", "", word) if len(word) > 4 else word for word in found}


def _stems_of_note(text: str) -> set[str]:
    if text not in _INDEX:
        _INDEX[text] = _stems(text)
    return _INDEX[text]


def _retrieve(text: str, notes: list[dict[str, str]]) -> list[str]:
    """Return the topic of the best note, and of the next if nearly as good; rare words weigh more."""
    asked = _stems(text)
    stems = {note["topic"]: _stems_of_note(f"{note['topic']} {note['text']}") for note in notes}
    weight = {
        word: math.log(len(notes) / sum(word in it for it in stems.values()))
        for word in asked & set().union(*stems.values())
    }
    scores = {topic: sum(weight[word] for word in asked & words) for topic, words in stems.items()}
    best = sorted((topic for topic in scores if scores[topic] > 1.0), key=lambda topic: -scores[topic])[:2]
    return [topic for topic in best if scores[topic] > 0.7 * scores[best[0]]]


def main() -> None:
    """Answer standard input: one question, or with `--lines` one per line."""
    knowledge = Desk.open().knowledge
    for text in sys.stdin if "--lines" in sys.argv[1:] else [sys.stdin.read()]:
        print(json.dumps(answer(json.loads(text)["input_query"], Desk(knowledge))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
