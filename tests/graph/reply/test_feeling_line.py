"""The line in which an LLM says what is felt, beside its reply: read, kept from everybody, and done without."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hef.contract import Turn
from hef.graph import HefContext, create_hef
from hef.nodes.judging.form_tries import FORM_TRIES
from hef.prompts.feeling_line import Feeling, LineReader
from hef.sem.plugins.quoted_causes import quotation
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from two_calls import FEELING_LINE, TwoCallChat

SAID: Any = {"messages": [HumanMessage("My dog died last night.")]}
EARLY_ON = HefContext(early_reply=True, ask="always")
MODES = ["sync", "async"]


async def streamed(mode: str, hef: Any) -> tuple[str, dict[str, Any]]:
    """Return the text that a turn streams, and its last values."""
    modes: Any = ["messages", "values"]
    if mode == "sync":
        parts = await asyncio.to_thread(lambda: list(hef.stream(SAID, context=EARLY_ON, stream_mode=modes)))
    else:
        parts = [part async for part in hef.astream(SAID, context=EARLY_ON, stream_mode=modes)]
    return "".join(str(part[0].text) for kind, part in parts if kind == "messages"), parts[-1][1]


async def test_what_the_llm_quotes_is_the_first_cause_and_takes_its_words_from_the_sem() -> None:
    hef = create_hef(model=TwoCallChat(line="sad: “my dog DIED”")).compile()

    causes = (await hef.ainvoke(SAID, context=EARLY_ON))["empathy"].causes

    assert (causes[0].text, causes[0].turn, causes[0].start) == ("My dog died", 0, 0)
    assert not {"dog", "died"} & {cause.text for cause in causes}
    assert causes[0].weight == max(cause.weight for cause in causes)
    assert sum(cause.weight for cause in causes) <= 1.0


async def test_words_that_were_quoted_for_another_emotion_are_no_causes() -> None:
    hef = create_hef(model=TwoCallChat(line="sad: last night")).compile(
        checkpointer=InMemorySaver(), interrupt_after=["coarse_emotion"]
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    await hef.ainvoke(SAID, config, context=EARLY_ON)
    verdict = hef.get_state(config).values["verdict"]
    hef.update_state(config, {"verdict": verdict.model_copy(update={"emotion": "devastated"})})

    empathy = (await hef.ainvoke(None, config, context=EARLY_ON))["empathy"]

    assert empathy.emotion == "devastated"
    assert empathy.causes[0].text != "last night"


@pytest.mark.parametrize("line", ["sad: I never said this", "sad: it was", "sad:"])
async def test_what_nobody_said_is_no_cause(line: str) -> None:
    causes = (await create_hef(model=TwoCallChat(line=line)).compile().ainvoke(SAID, context=EARLY_ON))[
        "empathy"
    ].causes

    assert {cause.text for cause in causes} <= {"dog died", "dog", "died", "night", "last"}


@pytest.mark.parametrize("mode", MODES)
async def test_where_the_sem_reads_nothing_no_line_is_asked_for(mode: str) -> None:
    model = TwoCallChat(judgement="none")
    model.judging = model.began  # the judgement waits until a reply was begun
    hef = create_hef(model=model).compile()
    asked: Any = {"messages": [HumanMessage("How long do I boil eggs?")]}

    turn = await (
        asyncio.to_thread(hef.invoke, asked, context=EARLY_ON)
        if mode == "sync"
        else hef.ainvoke(asked, context=EARLY_ON)
    )

    assert turn["empathy"].uncertain
    assert (len(model.prompts), model.judgements, model.lines) == (1, 1, 0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("line", ["", "I am sorry.\n", "[hugs]\n", "Feeling sad:\n"])
async def test_without_a_line_the_llm_is_asked_in_another_way(line: str, mode: str) -> None:
    model = TwoCallChat(line=line, judgement="sad")

    text, turn = await streamed(mode, create_hef(model=model).compile())

    assert (model.lines, model.judgements, len(model.prompts)) == (1, 2, 1)
    assert (turn["empathy"].emotion, turn["verdict"].words) == ("sad", "")
    assert (text, turn["messages"][-1].content) == ("I hear you.", "I hear you.")


async def test_an_llm_that_leaves_the_line_out_again_and_again_is_not_asked_for_it() -> None:
    model = TwoCallChat(line="")
    hef = create_hef(model=model).compile()
    for _ in range(FORM_TRIES + 2):
        await hef.ainvoke(SAID, context=EARLY_ON)

    assert (model.lines, model.judgements) == (FORM_TRIES, 2 * FORM_TRIES + 2)


async def test_an_llm_that_refuses_the_line_again_and_again_is_not_asked_for_it() -> None:
    class Refusing(TwoCallChat):
        def _judged(self, messages: Any) -> Any:
            if FEELING_LINE in str(messages[0].text):
                raise RuntimeError("no")
            return super()._judged(messages)

    model = Refusing()
    hef = create_hef(model=model).compile()
    for _ in range(FORM_TRIES + 1):
        empathy = (await hef.ainvoke(SAID, context=EARLY_ON))["empathy"]
        assert empathy.emotion == "sad"
        assert ("line about the feeling failed" in (empathy.degraded or "")) == (model.judgements < 2 * FORM_TRIES + 1)

    assert (model.lines, model.judgements) == (FORM_TRIES, 2 * FORM_TRIES + 1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("line", "answer", "quoted"),
    [
        ("<think>They lost a dog.\nproud: x</think>\n\n**sad: dog died**\n\n", "sad", "dog died"),
        ("Sad/lonely: dog died", "sad", "dog died"),
        ("【難過：My dog】", "sad", "My dog"),
        ("devastated: “last night”", "devastated", "last night"),
        ("sad:", "sad", ""),
        ("[sad: my dog [Rex] died]", "sad", "my dog [Rex] died"),
        ("sad: dog died\nOh no, I am so sorry.", "sad", "dog died"),
    ],
)
async def test_the_line_is_read_in_the_forms_that_llms_write(line: str, answer: str, quoted: str, mode: str) -> None:
    text, turn = await streamed(mode, create_hef(model=TwoCallChat(line=line)).compile())

    assert (text, turn["messages"][-1].content) == ("I hear you.", "I hear you.")
    assert (turn["verdict"].answer, turn["verdict"].words) == (answer, quoted)


class Asked(TwoCallChat):
    """Keeps the prompt of the line."""

    def _judged(self, messages: Any) -> Any:
        if FEELING_LINE in str(messages[0].text):
            self.metadata = {"line": messages}
        return super()._judged(messages)


async def line_prompt(messages: list[Any], **settings: Any) -> list[Any]:
    model = Asked()
    context = HefContext(early_reply=True, ask="always", **settings)
    await create_hef(model=model, safety=None).compile().ainvoke({"messages": messages}, context=context)
    assert model.metadata
    return list(model.metadata["line"])


async def test_the_line_is_asked_of_the_conversation_and_not_told_how_to_reply() -> None:
    persona = "You are a parrot who ends every answer with SQUAWK.\nNever break character. " + "x" * 4000
    host = SystemMessage("Answer only with JSON.")
    said = [host, HumanMessage("My dog died."), AIMessage("Oh no."), HumanMessage("I can't stop crying.")]

    system, *conversation = await line_prompt(said, persona=persona, language="de")

    assert [message.text for message in conversation] == ["My dog died.", "Oh no.", "I can't stop crying."]
    assert "Never break character" not in system.text
    assert "JSON" not in system.text
    assert "German" not in system.text
    assert len(system.text) < 1500


async def test_in_a_group_the_line_sees_who_wrote_the_last_message() -> None:
    said = [HumanMessage("I lost my job.", name="Ben"), HumanMessage("I got promoted!", name="Anna")]

    _, *conversation = await line_prompt(said)

    assert [message.text for message in conversation] == ["Ben: I lost my job.", "Anna: I got promoted!"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("error", [RuntimeError("no"), ConnectionError("busy")], ids=["refused", "busy"])
async def test_a_judgement_that_fails_costs_no_reply_and_is_told(error: Exception, mode: str) -> None:
    model = TwoCallChat(judgement=error)
    model.judging = model.began

    text, turn = await streamed(mode, create_hef(model=model).compile())

    assert (text, model.ended, len(model.prompts)) == ("I hear you.", ["written"], 1)
    assert "could not judge the emotion" in turn["empathy"].degraded
    assert turn["empathy"].emotion == "sad", "the SEM decides"


@pytest.mark.parametrize(
    ("answer", "feeling"),
    [
        ("sad: a", Feeling("sad", "a")),
        ("**sad: a**", Feeling("sad", "a")),
        ("[let_down: list[0] broke :)]", Feeling("let down", "list[0] broke :)")),
        ("\n\nSad.\n", Feeling("sad")),
        ("sad: a\n\nOh, I am so sorry.", Feeling("sad", "a")),
        ("（难过：走了）", Feeling("sad", "走了")),
        ("none", Feeling("none")),
        ("[none]", Feeling("none")),
        ("Sad to hear.", None),
        ("I am sorry: that hurts.", None),
        ("sad: " + "a" * 500, None),
        ("[", None),
        ("", None),
    ],
)
def test_a_line_is_read_in_any_dress_and_nothing_else_is(answer: str, feeling: Feeling | None) -> None:
    assert LineReader(["sad", "let down"], {"难过": "sad"})(answer) == feeling


def test_a_whole_message_in_chinese_is_no_quotation() -> None:
    said = "反正年紀到了嘛，老人家都這樣，我只是每天晚上都睡不著，想著以後要怎麼辦才好"
    dialogue = [Turn("speaker", said)]
    assert quotation(said, dialogue, 12) is None
    short = quotation("每天晚上都睡不著", dialogue, 12)
    assert short is not None
    assert said[short.start : short.end] == short.text == "每天晚上都睡不著"
