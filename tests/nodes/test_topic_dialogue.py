"""The judgement is asked about the turns that the SEM reads as one subject; the reply is drafted from all of them."""

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


@pytest.mark.parametrize(("topic_turns", "is_told"), [((2, 3, 4), False), ((0, 1, 4), True), (None, True)])
def test_the_judgement_leaves_out_what_is_about_another_subject(
    scripted: Any, topic_turns: tuple[int, ...] | None, is_told: bool
) -> None:
    judged, drafted = prompts(scripted, topic_turns)
    assert ("Bello died" in judged) is is_told
    assert "best mark" in judged
    assert "Bello died" in drafted


@pytest.mark.parametrize("topic_turns", [(), (2,), (99,)])
def test_what_the_person_said_last_is_judged_whatever_the_sem_says(scripted: Any, topic_turns: tuple[int, ...]) -> None:
    judged = prompts(scripted, topic_turns)[0]
    assert "best mark" in judged
    assert "Bello died" not in judged


class Scoring(ScriptedChat):
    """An LLM that scores, and records of what."""

    script: list[str] = ["Well done!"]  # noqa: RUF012
    scored: list[Any] = []  # noqa: RUF012

    def score_choices(self, messages: Any, choices: Any, **named: Any) -> dict[str, float]:
        self.scored.append(messages)
        return dict.fromkeys(choices, 0.0)

    async def ascore_choices(self, messages: Any, choices: Any, **named: Any) -> dict[str, float]:
        return self.score_choices(messages, choices)


def test_an_llm_that_scores_reads_all_turns_as_its_draft_begins_with_the_same_prompt() -> None:
    model = Scoring(scored=[])
    create_hef(model=model, sem=TopicSem((2, 3, 4))).compile().invoke({"messages": CHAT}, context={"ask": "always"})
    assert "Bello died" in "".join(str(message.text) for message in model.scored[0])
