"""Ten dialogues whose causes are beyond doubt, read by the shipped SEM."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hef.contract import Cause, Turn
from hef.contract.text import word_spans
from hef.sem import OnnxSem
from hef.sem.registry import SHIPPED


@dataclass(frozen=True)
class Case:
    name: str
    emotion: str
    turns: tuple[Turn, ...]
    causes: frozenset[str]
    """Words of which at least `least` stand among the first three causes."""
    least: int = 2
    phrase: str = ""
    """A span that must be among the causes as one."""


def case(
    name: str, emotion: str, *said: str, causes: str, least: int = 2, phrase: str = "", listener: tuple[int, ...] = ()
) -> Case:
    turns = tuple(Turn("listener" if i in listener else "speaker", text) for i, text in enumerate(said))
    return Case(name, emotion, turns, frozenset(causes.split()), least, phrase)


CASES = [
    case(
        "phrase",
        "devastated",
        "My grandmother passed away last week and I still can't believe it.",
        causes="grandmother passed away",
        phrase="passed away",
    ),
    case(
        "phrase over odd white space",
        "lonely",
        "So…  my \t girlfriend\u00a0 broke\n up with me yesterday 💔",
        causes="girlfriend broke up",
        phrase="broke\n up",
    ),
    case(
        "emoji before and between",
        "excited",
        "🎉🎉🎉 I am so happy!!! 👩\u200d👧 We are flying to Hawaii 🏝️ for our vacation",
        causes="hawaii vacation flying",
    ),
    case(
        "listener in between",
        "sad",
        "Last night was the worst.",
        "Oh no, did you have a bad dream about spiders?",
        "No. My dog died.",
        causes="dog died",
        listener=(1,),
    ),
    case(
        "several turns",
        "angry",
        "You won't believe this.",
        "What happened?",
        "I came out of the shop.",
        "And then?",
        "Somebody had stolen my car!",
        causes="stolen car somebody",
        listener=(1, 3),
    ),
    case("feeling named first", "grateful", "I feel so thankful. A stranger returned my wallet.",
         causes="stranger returned wallet"),
    case("feeling named last", "terrified", "There was a snake in my tent, I was so scared and afraid!",
         causes="snake tent"),
    case("accents and curly quotes", "proud", "It’s official: my naïve little café won the national award!",
         causes="café won award national"),
    case("long and beside the point", "embarrassed",
         "It was a normal Tuesday, the sun was out and I had a coffee as always. Then I tripped and fell in front of "
         "the whole class. It took a while until I could go on with my day.",
         causes="tripped fell class"),
    case("shouting without punctuation", "disgusted", "OMG  I FOUND A COCKROACH IN MY SOUP  ewww",
         causes="cockroach soup"),
]  # fmt: skip


@pytest.fixture(scope="module")
def sem() -> OnnxSem:
    return OnnxSem(SHIPPED, threads=1)


def words(causes: tuple[Cause, ...]) -> list[str]:
    return list(dict.fromkeys(cause.text[a:b].lower() for cause in causes for a, b in word_spans(cause.text)))


@pytest.mark.parametrize("given", CASES, ids=[one.name for one in CASES])
def test_what_anyone_would_name_is_among_the_first_three(sem: OnnxSem, given: Case) -> None:
    (found,) = sem.causes([given.turns], [given.emotion])

    assert len(given.causes & set(words(found)[:3])) >= given.least, words(found)


@pytest.mark.parametrize("given", CASES, ids=[one.name for one in CASES])
def test_offsets_are_those_of_the_raw_text(sem: OnnxSem, given: Case) -> None:
    (found,) = sem.causes([given.turns], [given.emotion])

    assert found
    for cause in found:
        assert given.turns[cause.turn].role == "speaker"
        assert given.turns[cause.turn].text[cause.start : cause.end] == cause.text


@pytest.mark.parametrize("given", [one for one in CASES if one.phrase], ids=lambda one: one.name)
def test_phrase_stays_together(sem: OnnxSem, given: Case) -> None:
    (found,) = sem.causes([given.turns], [given.emotion])

    assert any(given.phrase in cause.text for cause in found), [cause.text for cause in found]
