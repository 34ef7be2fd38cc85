"""The demo agent's tools: they look up or compute answers from a knowledge file, and collect sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["Desk"]

_TARGET_INDUSTRIES = ("logistics", "manufacturing", "software", "financial services")
_BUYERS = ("VP", "Head", "Chief Revenue")
_OPT_IN_COUNTRIES = ("Germany", "Norway")


class Desk:
    """The tools over one knowledge file.

    A tool takes the lead (`campaign_stats`: the campaign) that the question names, or None, and returns its
    result as a list of sentences. The texts that it read are added to `sources`, in order.
    """

    def __init__(self, knowledge: dict[str, Any]) -> None:
        self.knowledge = knowledge
        self.sources: list[str] = []

    @classmethod
    def open(cls) -> Desk:
        """Read the knowledge file beside this module."""
        return cls(json.loads(Path(__file__).with_name("knowledge.json").read_text("utf-8")))

    def crm_lookup(self, lead: dict[str, Any] | None) -> list[str]:
        """Say who a lead is, its stage and its last touch."""
        if lead is None:
            return []
        record = [
            f"{lead['name']} is {lead['title']} at {lead['company']}.",
            f"The stage is {lead['stage']}, and the last touch was {lead['last_touch']}.",
        ]
        return self._read(record)

    def enrich_lead(self, lead: dict[str, Any] | None) -> list[str]:
        """Say what is known about a lead's company and email address."""
        if lead is None:
            return []
        record = [
            f"{lead['company']} has {lead['employees']} employees, works in {lead['industry']}"
            f" and sits in {lead['country']}.",
            f"The email address of {lead['name']} is {lead['email_status']}.",
        ]
        return self._read(record)

    def score_icp(self, lead: dict[str, Any] | None) -> list[str]:
        """Work out a lead's tier from the size and industry of the company, and whether it is a buyer."""
        self.note("icp")
        if lead is None:
            return []
        facts = self.enrich_lead(lead)
        size, field = 51 <= lead["employees"] <= 500, lead["industry"] in _TARGET_INDUSTRIES
        tier = 1 if size and field else 2 if size or field else 3
        buyer = lead["title"].startswith(_BUYERS)
        self.note("persona")
        return [
            facts[0],
            f"That makes {lead['company']} a tier {tier} account.",
            f"The title {lead['title']} is {'a' if buyer else 'not a'} buyer of revenue operations.",
            *(["A tier 3 account is not contacted by the swarm."] if tier == 3 else []),
        ]

    def check_compliance(self, lead: dict[str, Any] | None) -> list[str]:
        """Say whether a lead may be sent a cold email."""
        if lead is None:
            return []
        (basis,) = self._read([f"The consent of {lead['name']} in {lead['country']} is {lead['consent']}."])
        if lead["consent"] == "unsubscribed":
            self.note("unsubscribe")
            return [
                basis,
                f"{lead['name']} is on the suppression list and must not be contacted on any channel.",
            ]
        if lead["consent"] == "none on file" and lead["country"] in _OPT_IN_COUNTRIES:
            self.note("consent")
            return [basis, "A cold email is not allowed without an opt-in, so LinkedIn only."]
        self.note("footer")
        return [basis, "A cold email is allowed with an unsubscribe link."]

    def draft_outreach(self, lead: dict[str, Any] | None) -> list[str]:
        """Draft a first email, or say why none may be sent."""
        self.note("outreach")
        if lead is None:
            return []
        if lead["consent"] == "unsubscribed":
            return ["No email is drafted.", *self.check_compliance(lead)]
        if lead["email_status"] == "bounced":
            self.note("bounce")
            bounced = self.enrich_lead(lead)[1]
            return ["No email is drafted.", bounced, "A hard bounce suppresses the address."]
        facts, _ = self.enrich_lead(lead)
        self.note("footer")
        self.note("proof")
        return [
            f"Draft to {lead['name']}:",
            facts,
            "At Halden Cargo manual dispatch calls fell by 38 percent in one quarter.",
            "Is a 20 minute call of use?",
            "The email carries a postal address and an unsubscribe link.",
        ]

    def suppress_contact(self, lead: dict[str, Any] | None) -> list[str]:
        """Put a lead's address on the suppression list."""
        self.note("unsubscribe")
        name = lead["name"] if lead else "the contact"
        return [f"The address of {name} goes on the suppression list, at once and on every channel."]

    def book_meeting(self, lead: dict[str, Any] | None) -> list[str]:
        """Offer the first two free slots."""
        self.note("meeting")
        first, second, *_ = self.knowledge["slots"]
        self._read([f"Free slots: {', '.join(self.knowledge['slots'])}."])
        guest = f" for {lead['name']}" if lead else ""
        return [f"The free slots{guest} are {first} and {second}.", "The discovery call lasts 30 minutes."]

    def campaign_stats(self, campaign: dict[str, Any] | None) -> list[str]:
        """Work out a campaign's rates from its counts."""
        if campaign is None:
            return []
        sent, name = campaign["sent"], campaign["name"]
        rates = [
            f"{what} {100 * campaign[what] / sent:.1f} percent" for what in ("opened", "replied", "bounced")
        ]
        # The tool does the arithmetic, so its result is the source.
        return self._read([f"{name} sent {sent} emails, of which {', '.join(rates)}."])

    def escalate_to_human(self, lead: dict[str, Any] | None) -> list[str]:
        """Hand the question to a person and pause every sequence."""
        self.note("escalation")
        about = f" to {lead['company']}" if lead else ""
        self.crm_lookup(lead)  # adds the lead's record to the sources, for the human
        return [f"This goes to a human within one hour, and every sequence{about} is paused."]

    def note(self, topic: str) -> str:
        """Return a note's text, and add it to the sources."""
        text: str = next(note["text"] for note in self.knowledge["notes"] if note["topic"] == topic)
        self._read([text])
        return text

    def _read(self, record: list[str]) -> list[str]:
        source = " ".join(record)
        if source not in self.sources:
            self.sources.append(source)
        return record
