"""An LLM judges the whole conversation, and is told the words of the last message that show the feeling."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract import Cause, Reading
from hef.graph import create_hef
from hef.sem import EMPATHETIC_DIALOGUES as TAXONOMY
from hef.sem import SemDescription
from langchain_core.messages import AIMessage, HumanMessage
from scripted_chat import ScriptedChat

CHAT = [
    HumanMessage("My dog Bello died this morning."),
    AIMessage("I am so sorry about Bello."),
    HumanMessage("By the way, I passed my exam!"),
    AIMessage("Congratulations!"),
    HumanMessage("With the best mark of all."),
]


class TopicSem:
    """Reads joy, and says which turns are about it."""

    description = SemDescription("topic", TAXONOMY)

    def __init__(self, topic_turns: tuple[int, ...] | None) -> None:
        self.topic_turns = topic_turns

    def read(self, dialogues: Any, *, views: Any = None) -> list[Reading]:
        rest = 0.1 / (len(TAXONOMY.labels) - 1)
        shares = {label: 0.9 if label == "joyful" else rest for label in TAXONOMY.labels}
        return [Reading(distribution=shares, sem="topic", topic_turns=self.topic_turns) for _ in dialogues]

    def causes(self, dialogues: Any, emotions: Any) -> list[tuple[Cause, ...]]:
        return [() for _ in dialogues]


def prompts(scripted: Any, topic_turns: tuple[int, ...] | None) -> list[str]:
    """Return the words of the judgement's and of the reply's prompt."""
    model = scripted("joyful", "Well done!")
    hef = create_hef(model=model, sem=TopicSem(topic_turns)).compile()
    hef.invoke({"messages": CHAT}, context={"ask": "always"})
    judged, drafted = model.prompts
    return ["\n".join(str(message.text) for message in prompt) for prompt in (judged, drafted)]


@pytest.mark.parametrize("topic_turns", [(2, 3, 4), (0, 1, 4), None, (), (99,)])
def test_an_llm_judges_all_turns_whatever_the_sem_takes_for_the_subject(
    scripted: Any, topic_turns: tuple[int, ...] | None
) -> None:
    judged, drafted = prompts(scripted, topic_turns)
    assert all("Bello died" in prompt and "best mark" in prompt for prompt in (judged, drafted))


class Scoring(ScriptedChat):
    """An LLM that scores, and records of what."""

    script: list[str] = ["Well done!"]  # noqa: RUF012
    scored: list[Any] = []  # noqa: RUF012

    def score_choices(self, messages: Any, choices: Any, **named: Any) -> dict[str, float]:
        self.scored.append(messages)
        return dict.fromkeys(choices, 0.0)

    async def ascore_choices(self, messages: Any, choices: Any, **named: Any) -> dict[str, float]:
        return self.score_choices(messages, choices)


def test_so_does_an_llm_that_scores() -> None:
    model = Scoring(scored=[])
    create_hef(model=model, sem=TopicSem((2, 3, 4))).compile().invoke({"messages": CHAT}, context={"ask": "always"})
    assert "Bello died" in "".join(str(message.text) for message in model.scored[0])


class MortgageSem(TopicSem):
    """Finds words in the subject before as well."""

    def causes(self, dialogues: Any, emotions: Any) -> list[tuple[Cause, ...]]:
        words = [("Bello", 0, 7), ("mark", 4, 14)]
        found = [Cause(text=text, turn=turn, start=at, end=at + len(text), weight=0.4) for text, turn, at in words]
        return [tuple(found) for _ in dialogues]


def test_a_note_holds_the_words_of_the_last_message_alone(scripted: Any) -> None:
    model = scripted("joyful", "Well done!")
    out = create_hef(model=model, sem=MortgageSem(None)).compile().invoke({"messages": CHAT}, context={"ask": "always"})
    note = str(model.prompts[-1][0].text)
    assert '"mark"' in note
    assert '"Bello"' not in note
    assert [cause.text for cause in out["empathy"].causes] == ["Bello", "mark"]
