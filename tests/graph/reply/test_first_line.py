"""The line that a reply begins with where the LLM judges in it: read, kept from everybody, and done without."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hef.graph import HefContext, create_hef
from hef.nodes.judging.form_tries import FORM_TRIES
from hef.prompts.first_line import Feeling, FirstLine, LineReader
from langchain_core.messages import HumanMessage
from two_calls import FIRST_LINE, TwoCallChat

SAID: Any = {"messages": [HumanMessage("My dog died last night.")]}
EARLY_ON = HefContext(early_reply=True)
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
    hef = create_hef(model=TwoCallChat(line="[sad: “my dog DIED”]")).compile()

    causes = (await hef.ainvoke(SAID, context=EARLY_ON))["empathy"].causes

    assert (causes[0].text, causes[0].turn, causes[0].start) == ("My dog died", 0, 0)
    assert not {"dog", "died"} & {cause.text for cause in causes}
    assert causes[0].weight == max(cause.weight for cause in causes)


@pytest.mark.parametrize("line", ["[sad: I never said this]", "[sad]", "[sad:]"])
async def test_what_nobody_said_is_no_cause(line: str) -> None:
    causes = (await create_hef(model=TwoCallChat(line=line)).compile().ainvoke(SAID, context=EARLY_ON))[
        "empathy"
    ].causes

    assert {cause.text for cause in causes} <= {"dog died", "dog", "died", "night", "last"}


@pytest.mark.parametrize("mode", MODES)
async def test_where_the_sem_reads_nothing_the_reply_is_the_plain_one_beside_the_judgement(mode: str) -> None:
    model = TwoCallChat(judgement="none")
    model.judging = model.began  # the judgement waits until a reply was begun
    hef = create_hef(model=model).compile()
    asked: Any = {"messages": [HumanMessage("How long do I boil eggs?")]}
    settings = EARLY_ON.model_copy(update={"ask": "always"})

    turn = await (
        asyncio.to_thread(hef.invoke, asked, context=settings)
        if mode == "sync"
        else hef.ainvoke(asked, context=settings)
    )

    assert turn["empathy"].uncertain
    assert (len(model.prompts), model.judgements) == (1, 1)
    assert FIRST_LINE not in str(model.prompts[0])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("line", ["", "I am sorry.\n", "[hugs]\n", "[sad", "Feeling sad:\n"])
async def test_without_a_line_the_llm_is_asked_by_itself_and_the_reply_is_drafted_anew(line: str, mode: str) -> None:
    model = TwoCallChat(line=line, replies=[["Oh ", "no."], ["I ", "hear ", "you."]])

    text, turn = await streamed(mode, create_hef(model=model).compile())

    assert (model.judgements, len(model.prompts)) == (1, 2)
    assert turn["empathy"].emotion == "sad"
    assert (text, turn["messages"][-1].content) == ("I hear you.", "I hear you.")


async def test_an_llm_that_leaves_the_line_out_again_and_again_is_not_asked_for_it() -> None:
    model = TwoCallChat(line="")
    hef = create_hef(model=model).compile()
    for _ in range(FORM_TRIES + 2):
        await hef.ainvoke(SAID, context=EARLY_ON)

    assert [FIRST_LINE in str(prompt) for prompt in model.prompts] == [True, False] * FORM_TRIES + [False] * 2


@pytest.mark.parametrize("settings", [{"stop": ["\n"]}, {"response_format": {"type": "json_object"}}])
async def test_an_answer_that_cannot_begin_with_a_line_is_not_asked_for_one(settings: dict[str, Any]) -> None:
    model = TwoCallChat()
    given = EARLY_ON.model_copy(update={"model_settings": settings})

    await create_hef(model=model).compile().ainvoke(SAID, context=given)

    assert (model.judgements, [FIRST_LINE in str(prompt) for prompt in model.prompts]) == (1, [False])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("line", "quoted"),
    [
        ("<think>They lost a dog. [proud]</think>\n\n**[sad: dog died]**\n\n", "dog died"),
        ("[Sad: dog died] ", "dog died"),
        ("【难过：My dog】\n", "My dog"),
        ("(devastated – last night)\n", None),
        ("[sad]", ""),
    ],
)
async def test_the_line_is_read_in_the_forms_that_llms_write(line: str, quoted: str | None, mode: str) -> None:
    text, turn = await streamed(mode, create_hef(model=TwoCallChat(line=line)).compile())

    assert (text, turn["messages"][-1].content) == ("I hear you.", "I hear you.")
    assert turn["verdict"].answer == ("sad" if quoted is not None else "devastated")
    assert turn["verdict"].words == ("last night" if quoted is None else quoted)


def piecewise(answer: str, size: int) -> tuple[Feeling | None, str]:
    line = FirstLine(LineReader(["sad", "proud"], {"难过": "sad"}))
    said = "".join(line.feed(answer[start : start + size]) for start in range(0, len(answer), size)) + line.close()
    return line.feeling, said


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("answer", "feeling", "said"),
    [
        ("[sad: a]\nOh.", Feeling("sad", "a"), "Oh."),
        ("[none]\n\nIt is noon.", Feeling("none"), "It is noon."),
        ("[proud: I did it! :)]\nYes [you] did.", Feeling("proud", "I did it! :)"), "Yes [you] did."),
        ("[smiles] Hello.", None, "[smiles] Hello."),
        ("[1] First, rest.", None, "[1] First, rest."),
        ("Sad to hear.\n[sad]", None, "Sad to hear.\n[sad]"),
        ("[" + "a" * 500 + "] b", None, "[" + "a" * 500 + "] b"),
        ("[sad", None, "[sad"),
        ("", None, ""),
    ],
)
def test_only_a_line_that_can_be_read_is_taken_off(answer: str, feeling: Feeling | None, said: str, size: int) -> None:
    assert piecewise(answer, size) == (feeling, said)
