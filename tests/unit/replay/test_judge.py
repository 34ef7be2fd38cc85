"""The rubric: its scores case by case, and what holds of it whatever the words are."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_caio.replay import Answer, GoldenCase, judge

WORDS = ("lead", "tier", "unsubscribe", "calendar", "discount", "sends", "not", "the", "7", "booked", "price")
TOOLS = ("crm_lookup", "score_icp", "book_meeting", "draft_outreach")


def case(
    tools: Sequence[str] = (), positive: Sequence[str] = (), negative: Sequence[str] = (), query: str = "Why?"
) -> GoldenCase:
    """Build a case of the parts that matter."""
    return GoldenCase(
        id="A",
        input_query=query,
        expected_tools=tuple(tools),
        positive_constraints=tuple(positive),
        negative_constraints=tuple(negative),
    )


def answer(text: str = "", tools: Sequence[str] = (), chunks: Sequence[str] | None = None) -> Answer:
    """Build an answer, by default one whose only chunk is its text."""
    return Answer(text, tuple(tools), (text,) if chunks is None else tuple(chunks))


@pytest.mark.parametrize(
    ("expected", "trace", "score"),
    [
        ([], [], 5),
        (["crm_lookup"], ["CRM-Lookup"], 5),
        (["crm_lookup"], ["crm_lookup(lead='Dana')"], 5),
        (["crm_lookup"], ["CRM lookup: 1 hit"], 5),
        (["crm_lookup"], ["calling crm_lookup"], 5),
        (["crm_lookup"], ["crm_lookup_v2"], 1),
        (["crm_lookup"], [], 1),
        (["Gateway.execute:crm.read_contact"], ["Gateway.execute:crm.read_contact"], 5),
        (["Gateway.execute:crm.read_contact"], ['Gateway.execute:crm.read_contact({"id": 1}) ok'], 5),
        (["Gateway.execute:crm.read_contact"], ["Gateway.execute:crm.delete_contact"], 1),
        (["Gateway.execute:crm.read_contact"], ["Gateway.execute"], 1),
        (["Gateway.execute"], ["Gateway.execute:crm.read_contact"], 5),
        (["Gateway.execute", "Gateway.execute:mail.send"], ["Gateway.execute:mail.send now"], 3),
        (["crm_lookup"], ["crm_lookup", "a_b"], 4),
        (["crm_lookup"], ["crm_lookup", "a_b", "c_d", "e_f"], 2),
        (["a", "b"], ["b", "a", "a"], 5),
        (["a", "b"], ["b"], 3),
        (["a", "b", "c"], ["b"], 2),
        ([], ["crm_lookup"], 4),
        ([], ["a", "b", "c"], 2),
    ],
)
def test_tools_are_what_was_called_of_what_was_expected(
    expected: list[str], trace: list[str], score: int
) -> None:
    """The tools score is the share that was called, less what was called beyond it."""
    assert judge(case(expected), answer("fine", trace)).tools.value == score


@pytest.mark.parametrize(
    ("text", "chunks", "score"),
    [
        ("", ["anything"], 5),
        ("Intent: schedule the quarterly forecast meeting", [], 5),
        ("Intent: the contract of Northwind ends on 3 May 2027", [], 1),
        ("Intent: Northwind was sued by its chairman Joan Smith for fraud in Delaware", [], 1),
        ("Confidence: Northwind was sued for fraud in Delaware", [], 1),
        ("Confidence: high (92 %)", [], 5),
        ("**Intent:** schedule the quarterly forecast meeting\nConfidence: 0.92", [], 5),
        ("Recommended next step: call Dana", [], 5),
        ("Next step: Corvane ships frozen salmon abroad.", [], 1),
        ("Company size: 240", ["240 people"], 5),
        ("Company size: 250", ["240 people"], 1),
        ("Corvane employs 240 people in trucking.", ["Corvane: 240 people employed, trucking"], 5),
        ("Corvane employs 250 people in trucking.", ["Corvane: 240 people employed, trucking"], 1),
        ("Corvane ships frozen salmon abroad.", [], 1),
        ("Corvane ships salmon. It was founded by three sisters in Bergen.", ["Corvane ships salmon"], 3),
        ("Corvane ships frozen salmon. Three sisters own Corvane.", ["Corvane ships frozen salmon"], 3),
        ("Why?", [], 5),
        ("Happy to help!", [], 5),
    ],
)
def test_claims_are_grounded_in_the_chunks(text: str, chunks: list[str], score: int) -> None:
    """A claim counts as grounded when its words, and all its numbers, were retrieved."""
    assert judge(case(), answer(text, chunks=chunks)).groundedness.value == score


@pytest.mark.parametrize(
    ("constraint", "text", "met"),
    [
        ("Must mention the unsubscribe link", "An UNSUBSCRIBE-link is below.", True),
        ("Names tier 1", "It is Tier 1.", True),
        ("Names tier 1", "It is tier 2.", False),
        ("States that the meeting lasts 30 minutes", "Meetings last 30 minutes", True),
        ("Mentions 1,400 employees", "1400 employees", True),
        ("Says that Marco must not be emailed", "Marco must not be emailed again.", True),
        ("Says that Marco must not be emailed", "Email Marco, he must be emailed.", False),
        ("Never belittles a competitor", "Competitors are never belittled.", True),
        ("Explains pricing", "The price is 4 euros.", True),
        ("Offers the calendar link", "No idea.", False),
    ],
)
def test_a_positive_constraint_is_met_by_its_words(constraint: str, text: str, met: bool) -> None:
    """Case, punctuation, endings and the constraint's opening do not matter; numbers and denial do."""
    assert (judge(case(positive=[constraint]), answer(text)).completeness.value == 5) is met


@pytest.mark.parametrize(
    ("constraint", "text", "tools", "violated"),
    [
        ("Do not promise a discount", "I promise you a Discount!", [], True),
        ("Do not promise a discount", "We cannot promise a discount.", [], False),
        ("Do not promise a discount", "I don't promise any discount.", [], False),
        ("Do not promise a discount", "I promise a call. A discount is for the director.", [], False),
        ("Don't mention competitors", "Our competitor is slow.", [], True),
        ("Guarantees of revenue", "There is a guarantee of revenue", [], True),
        ("Do not call send_email", "Done.", ["send_email(to=1)"], True),
        ("Do not call Gateway.execute:mail.send", "Done.", ["Gateway.execute:mail.send"], True),
        ("Do not call Gateway.execute:mail.send", "Done.", ["Gateway.execute:crm.read"], False),
        ("Never use the send_email or book_meeting tool.", "Done.", ["book-meeting"], True),
        ("Do not call send_email before approval", "Done.", ["send_email"], False),
    ],
)
def test_a_negative_constraint_is_violated_by_saying_or_doing_it(
    constraint: str, text: str, tools: list[str], violated: bool
) -> None:
    """What is forbidden counts when a sentence says it without denial, or a forbidden tool was called."""
    judged = judge(case(tools, negative=[constraint]), answer(text, tools))
    assert (judged.violations == (constraint,)) is violated
    assert judged.passed is not violated


def test_consistency_is_likeness_to_the_baseline() -> None:
    """Four without a baseline, five for the same words, less for others; the case's own baseline counts."""
    said = answer("Corvane ships frozen salmon")
    assert judge(case(), said).consistency.value == 4
    assert judge(case(), said, "Frozen salmon: Corvane ships it.").consistency.value == 5
    assert judge(case(), said, "Something else entirely, alas").consistency.value == 1
    own = msgspec.structs.replace(case(), baseline="Something else entirely, alas")
    assert judge(own, said).consistency.value == 1


def test_a_low_mean_fails_and_says_why() -> None:
    """A case may fail on its mean alone, and then names the lowest score's reason."""
    judged = judge(case(positive=["Names Halden Cargo"]), answer("Nothing of note."))
    assert (judged.mean, judged.passed) == (3.75, False)
    assert judged.why == (
        "mean 3.75 is below 4.0: 0 of 1 positive constraints are met; not met: Names Halden Cargo"
    )


phrases = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
texts = st.lists(phrases, max_size=5).map(". ".join)
tool_lists = st.lists(st.sampled_from(TOOLS), max_size=4)
cases = st.builds(case, tool_lists, st.lists(phrases, max_size=4), st.lists(phrases, max_size=3), texts)
answers = st.builds(answer, texts, tool_lists, st.lists(texts, max_size=3))


@given(
    st.builds(case, st.lists(st.text()), st.lists(st.text()), st.lists(st.text()), st.text()),
    st.builds(answer, st.text(), st.lists(st.text()), st.lists(st.text())),
    st.text(),
)
def test_scores_are_from_one_to_five(some_case: GoldenCase, some_answer: Answer, baseline: str) -> None:
    """Whatever the text, every score is from 1 to 5 with a reason, and a second look sees the same."""
    judged = judge(some_case, some_answer, baseline)
    scores = (judged.tools, judged.groundedness, judged.completeness, judged.consistency)
    assert all(1 <= score.value <= 5 and score.reason for score in scores)
    assert judged == judge(some_case, some_answer, baseline)


@given(cases, answers)
def test_the_verdict_follows_from_the_scores(some_case: GoldenCase, some_answer: Answer) -> None:
    """A case fails exactly when the rubric's rules say so, and a failure has its words."""
    judged = judge(some_case, some_answer)
    failing = (
        judged.tools.value <= 2 or judged.groundedness.value <= 2 or judged.violations or judged.mean < 4
    )
    assert judged.passed is not bool(failing)
    assert judged.passed is not bool(judged.why)


@given(cases, answers, st.data())
def test_meeting_a_constraint_never_lowers_a_score(
    some_case: GoldenCase, some_answer: Answer, data: st.DataObject
) -> None:
    """An answer that also states one of the constraints, from a chunk, scores no less anywhere."""
    if not some_case.positive_constraints:
        return
    more = data.draw(st.sampled_from(some_case.positive_constraints))
    text = f"{some_answer.actual_output}\n{more}"
    richer = Answer(text, some_answer.tool_trace_log, (*some_answer.rag_context_chunks, more))
    before, after = judge(some_case, some_answer), judge(some_case, richer)
    assert after.tools == before.tools
    assert after.groundedness.value >= before.groundedness.value
    assert after.completeness.value >= before.completeness.value
    assert set(after.violations) >= set(before.violations)


@given(cases, answers, st.data())
def test_calling_an_expected_tool_never_lowers_a_score(
    some_case: GoldenCase, some_answer: Answer, data: st.DataObject
) -> None:
    """One more of the expected tools leaves the tools score as it was or raises it."""
    if not some_case.expected_tools:
        return
    tool = data.draw(st.sampled_from(some_case.expected_tools))
    more = msgspec.structs.replace(some_answer, tool_trace_log=(*some_answer.tool_trace_log, tool))
    assert judge(some_case, more).tools.value >= judge(some_case, some_answer).tools.value


@given(cases, answers, st.data())
def test_the_order_of_passages_does_not_count(
    some_case: GoldenCase, some_answer: Answer, data: st.DataObject
) -> None:
    """Whichever passage says a thing, and in however many they are, the judgement is the same."""
    chunks = some_answer.rag_context_chunks
    shuffled = tuple(data.draw(st.permutations(chunks)))
    one = judge(some_case, some_answer)
    for other in (shuffled, ("\n".join(chunks),)):
        assert judge(some_case, msgspec.structs.replace(some_answer, rag_context_chunks=other)) == one


@given(cases, answers)
def test_case_and_punctuation_do_not_count(some_case: GoldenCase, some_answer: Answer) -> None:
    """Upper case, wide blanks and quotes around every word change nothing."""
    text = re.sub(r"\w+", r'("\g<0>")', some_answer.actual_output.upper()).replace(" ", "  ")
    loud = msgspec.structs.replace(some_answer, actual_output=text)
    one, other = judge(some_case, some_answer), judge(some_case, loud)
    assert [one.completeness.value, one.violations] == [other.completeness.value, other.violations]


# Words of demands and words of bans have none in common: what is demanded of an answer is not forbidden too.
DEMANDED = st.sampled_from(
    ("Mentions", "States that", "Dana", "tier 1", "1,400", "isn't", "naïve", "größer", "的")
)
FORBIDDEN = st.sampled_from(("zebra", "promise", "guarantee", "revenue", "42"))
TOOL_PARTS = st.sampled_from(("Gateway", "crm", "read_contact", "search", "Lookup2", "größe"))
A_TOOL = st.lists(
    st.tuples(TOOL_PARTS, st.sampled_from((".", ":", "_", "-", "/", " ", "::"))), min_size=1
).map(lambda parts: "".join(part + sign for part, sign in parts))
PERFECT = st.builds(
    case,
    tools=st.lists(A_TOOL, max_size=4),
    positive=st.lists(st.lists(DEMANDED, min_size=1, max_size=5).map(" ".join), max_size=4),
    negative=st.lists(
        st.lists(FORBIDDEN, min_size=1, max_size=3).map(lambda words: f"Do not {' '.join(words)}"), max_size=3
    ),
)


@given(PERFECT, st.sampled_from((". ", "\n", ".\n- ")))
def test_a_perfect_answer_passes(some_case: GoldenCase, between: str) -> None:
    """Who calls the expected tools and says what is demanded, from a source, passes with full scores."""
    text = between.join(some_case.positive_constraints)
    judged = judge(some_case, answer(text, some_case.expected_tools))
    assert judged.passed, judged.why
    assert (judged.tools.value, judged.groundedness.value, judged.completeness.value) == (5, 5, 5)
