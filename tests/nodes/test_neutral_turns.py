"""What follows from a SEM's probability that a turn carries no emotion, and from a language that it cannot read."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract import Cause, Reading
from hef.contract.text import words
from hef.graph import HefContext, create_hef
from hef.memory import list_turns, timeline
from hef.sem import EMPATHETIC_DIALOGUES, SemDescription
from hef.tools import sem_emotion_tool
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from scripted_chat import ScriptedChat
from two_calls import TwoCallChat

LABELS = EMPATHETIC_DIALOGUES.labels
QUESTION = "What time is it there?"


class NeutralSem:
    """A SEM that is sure of `sad`, with a probability that nothing is felt."""

    description = SemDescription("neutral", EMPATHETIC_DIALOGUES, languages=("en", "zh"))

    def __init__(self, neutral: float | None) -> None:
        self.neutral = neutral

    def read(self, dialogues: Any, *, views: Any = None) -> list[Reading]:
        distribution = {label: 0.9 if label == "sad" else 0.1 / 31 for label in LABELS}
        return [Reading(distribution=distribution, sem="neutral", neutral=self.neutral) for _ in dialogues]

    def causes(self, dialogues: Any, emotions: Any) -> list[tuple[Cause, ...]]:
        word = [words(dialogue[-1].text)[0] for dialogue in dialogues]
        return [
            (Cause(text=dialogue[-1].text[: len(text)], turn=len(dialogue) - 1, start=0, end=len(text), weight=1.0),)
            for dialogue, text in zip(dialogues, word, strict=True)
        ]


def run(neutral: float | None, *answers: str, scripted: Any, text: str = QUESTION, **settings: Any) -> Any:
    model, store = scripted(*answers), InMemoryStore()
    hef = create_hef(model=model, sem=NeutralSem(neutral)).compile(store=store)
    context = HefContext(user_id="ana", **settings)
    state = hef.invoke({"messages": [HumanMessage(text)]}, context=context)
    return state["empathy"], model, store


def test_a_turn_that_the_sem_finds_neutral_has_no_feeling_no_causes_and_no_note(scripted: Any) -> None:
    empathy, model, store = run(0.8, "Nine in the evening.", scripted=scripted, strategy="sem_only")

    assert (empathy.uncertain, empathy.neutral, empathy.causes) == (True, True, ())
    assert [message.text for message in model.prompts[-1]] == ["You are a warm, attentive friend.", QUESTION]
    (memory,) = list_turns(store, "ana")
    assert (memory.emotion, memory.probability, memory.causes) == (None, None, ())
    assert timeline([memory]) == []


@pytest.mark.parametrize("neutral", [None, 0.1, 0.49])
def test_without_or_below_that_probability_nothing_changes(neutral: float | None, scripted: Any) -> None:
    empathy, model, store = run(neutral, "I am so sorry.", scripted=scripted, strategy="sem_only")

    assert (empathy.uncertain, empathy.neutral) == (False, False)
    assert "most likely first: sad 90%" in model.prompts[-1][0].text
    (memory,) = list_turns(store, "ana")
    assert (memory.emotion, memory.probability, memory.causes) == ("sad", 0.9, ("What",))


@pytest.mark.parametrize(("neutral", "is_neutral"), [(0.99, True), (0.95, True), (0.94, False), (0.5, False)])
def test_against_a_feeling_that_the_llm_names_too_the_sem_has_to_be_sure_that_there_is_none(
    neutral: float, is_neutral: bool, scripted: Any
) -> None:
    empathy, _, store = run(neutral, "sad", "I am so sorry.", scripted=scripted, ask="always")

    assert (empathy.emotion, empathy.uncertain, empathy.neutral) == ("sad", is_neutral, is_neutral)
    assert list_turns(store, "ana")[0].emotion == (None if is_neutral else "sad")


@pytest.mark.parametrize(("neutral", "is_neutral"), [(0.9, True), (0.5, True), (0.4, False)])
def test_a_feeling_that_the_llm_names_and_that_is_not_decided_does_not_count_against_the_sems_neutral(
    neutral: float, is_neutral: bool, scripted: Any
) -> None:
    empathy, _, _ = run(neutral, "proud", "proud", "Well done.", scripted=scripted, ask="always")

    assert (empathy.emotion, empathy.neutral) == ("sad", is_neutral)


def test_an_emotion_that_a_person_puts_in_the_place_of_the_llms_counts_where_the_sem_finds_none(scripted: Any) -> None:
    config: Any = {"configurable": {"thread_id": "t"}}
    hef: Any = create_hef(model=scripted("none", "Nine."), sem=NeutralSem(0.9)).compile(checkpointer=InMemorySaver())
    hef.invoke({"messages": [HumanMessage(QUESTION)]}, config, context=HefContext(ask="always"))
    point = next(snapshot for snapshot in hef.get_state_history(config) if "fine_emotion" in snapshot.next)
    edited = {**point.values["verdict"].model_dump(mode="json"), "emotion": "proud"}
    forked = hef.update_state(point.config, {"verdict": edited}, as_node="coarse_emotion")

    assert not hef.invoke(None, forked)["empathy"].neutral


def test_an_llm_that_may_say_none_and_says_it_leaves_a_neutral_turn_neutral(scripted: Any) -> None:
    empathy, _, _ = run(0.9, "none", "Nine.", scripted=scripted, ask="always")

    assert (empathy.uncertain, empathy.neutral) == (True, True)


def test_what_a_person_confirms_is_remembered_as_felt_however_neutral_it_read(scripted: Any) -> None:
    from hef.nodes.support.human_review import Review, apply_review

    empathy, _, _ = run(0.9, "Nine.", scripted=scripted, strategy="sem_only")
    review = Review("edit", "proud")

    assert (apply_review(empathy, review).uncertain, apply_review(empathy, review).neutral) == (False, False)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Mi perro murió anoche.", "Spanish"),
        ("Ich kann nicht schlafen.", "German"),
        ("Mujhe neend nahi aa rahi.", "Hindi"),
        ("Моя собака вчера умерла.", "this script"),
    ],
)
def test_a_language_that_the_sem_cannot_read_is_told_and_left_to_the_llm(
    text: str, language: str, scripted: Any
) -> None:
    empathy, _, store = run(0.0, "devastated", "I hear you.", scripted=scripted, text=text, ask="always")

    assert (empathy.emotion, empathy.sem, empathy.uncertain) == ("devastated", None, False)
    assert empathy.degraded == f"the SEM was not trained on {language}: it was left to the LLM"
    assert list_turns(store, "ana")[0].emotion == "devastated"


def test_a_guess_about_such_a_text_is_neither_neutral_nor_remembered(scripted: Any) -> None:
    empathy, _, store = run(0.9, "I hear you.", scripted=scripted, text="Mi perro murió anoche.", strategy="sem_only")

    assert (empathy.uncertain, empathy.neutral) == (True, False)
    assert empathy.degraded == "the SEM was not trained on Spanish: the emotion is a guess"
    assert list_turns(store, "ana")[0].emotion is None


class TranscriptChat(ScriptedChat):
    draft_form: str = "transcript"


@pytest.mark.parametrize(
    ("text", "neutral", "told"),
    [
        (QUESTION, 0.9, "The speaker feels content."),
        (QUESTION, 0.1, "The speaker feels sad."),
        ("Mi perro murió anoche.", 0.9, None),
    ],
)
def test_a_model_for_the_transcript_is_told_the_mildest_label_where_nothing_is_felt(
    text: str, neutral: float, told: str | None
) -> None:
    model = TranscriptChat(script=["Nine."])
    hef = create_hef(model=model, sem=NeutralSem(neutral)).compile()
    hef.invoke({"messages": [HumanMessage(text)]}, context=HefContext(strategy="sem_only"))

    said = [message.text for message in model.prompts[-1] if message.type == "ai"]
    assert said == ([told] if told else [])
    assert ("What shows it" in model.prompts[-1][-1].text) == (told == "The speaker feels sad.")


@pytest.mark.parametrize(("neutral", "doubt"), [(0.8, "carries no emotion (80%)"), (0.1, ""), (None, "")])
def test_an_agents_tool_tells_a_neutral_turn(neutral: float | None, doubt: str) -> None:
    tool = sem_emotion_tool(NeutralSem(neutral))
    text = tool.invoke({"dialogue": [{"role": "speaker", "text": QUESTION}]})

    assert text.startswith("Primary emotions: sad 90%")
    assert ("carries no emotion" in text) == bool(doubt)
    assert doubt in text


def test_an_agents_tool_tells_a_language_that_the_sem_cannot_read() -> None:
    tool = sem_emotion_tool(NeutralSem(0.9))
    text = tool.invoke({"dialogue": [{"role": "speaker", "text": "Ich kann nicht schlafen."}]})

    assert text.endswith("This model was not trained on German: that is a guess.")


@pytest.mark.parametrize("judgement", ["none", "sad"])
def test_the_early_reply_of_a_neutral_turn_has_no_note_and_serves(judgement: str) -> None:
    model = TwoCallChat(judgement=judgement)
    model.judging = model.began
    hef = create_hef(model=model, sem=NeutralSem(0.96)).compile()
    context = HefContext(early_reply=True, ask="always")
    empathy = hef.invoke({"messages": [HumanMessage(QUESTION)]}, context=context)["empathy"]

    assert empathy.neutral
    assert ["A private note" in prompt[0].text for prompt in model.prompts] == [False]
