"""The line that a reply begins with where the LLM judges in it: read, kept from everybody, and done without."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from hef.contract import Turn
from hef.graph import HefContext, create_hef
from hef.nodes.drafting.answer_form import leaves_form_open
from hef.nodes.drafting.call_recording import CallRecorder, Line, Recording
from hef.nodes.judging.form_tries import FORM_TRIES
from hef.prompts.first_line import Feeling, FirstLine, LineReader
from hef.sem.plugins.quoted_causes import quotation
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, LLMResult
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field
from two_calls import FIRST_LINE, TwoCallChat

SAID: Any = {"messages": [HumanMessage("My dog died last night.")]}
EARLY_ON = HefContext(early_reply=True)
MODES = ["sync", "async"]


class OpenAi(TwoCallChat):
    """A chat model with settings of its own."""

    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    model_kwargs: dict[str, Any] = Field(default_factory=dict)


async def streamed(mode: str, hef: Any) -> tuple[str, dict[str, Any]]:
    """Return the text that a turn streams, and its last values."""
    modes: Any = ["messages", "values"]
    if mode == "sync":
        parts = await asyncio.to_thread(lambda: list(hef.stream(SAID, context=EARLY_ON, stream_mode=modes)))
    else:
        parts = [part async for part in hef.astream(SAID, context=EARLY_ON, stream_mode=modes)]
    return "".join(str(part[0].text) for kind, part in parts if kind == "messages"), parts[-1][1]


async def test_what_the_llm_quotes_is_the_first_cause_and_takes_its_words_from_the_sem() -> None:
    hef = create_hef(model=TwoCallChat(line="[sad: “my dog DIED”]\n")).compile()

    causes = (await hef.ainvoke(SAID, context=EARLY_ON))["empathy"].causes

    assert (causes[0].text, causes[0].turn, causes[0].start) == ("My dog died", 0, 0)
    assert not {"dog", "died"} & {cause.text for cause in causes}
    assert causes[0].weight == max(cause.weight for cause in causes)
    assert sum(cause.weight for cause in causes) <= 1.0


async def test_words_that_were_quoted_for_another_emotion_are_no_causes() -> None:
    hef = create_hef(model=TwoCallChat(line="[sad: last night]\n")).compile(
        checkpointer=InMemorySaver(), interrupt_after=["coarse_emotion"]
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    await hef.ainvoke(SAID, config, context=EARLY_ON)
    verdict = hef.get_state(config).values["verdict"]
    hef.update_state(config, {"verdict": verdict.model_copy(update={"emotion": "devastated"})})

    empathy = (await hef.ainvoke(None, config, context=EARLY_ON))["empathy"]

    assert empathy.emotion == "devastated"
    assert empathy.causes[0].text != "last night"


@pytest.mark.parametrize("line", ["[sad: I never said this]", "[sad: it was]", "[sad:]"])
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


async def test_an_llm_that_refuses_the_line_again_and_again_is_not_asked_for_it() -> None:
    refused: Any = [RuntimeError("no"), "x"]
    model = TwoCallChat(line="", replies=[refused, ["I hear you."]] * FORM_TRIES + [["I hear you."]])
    hef = create_hef(model=model).compile()
    for _ in range(FORM_TRIES + 1):
        await hef.ainvoke(SAID, context=EARLY_ON)

    assert [FIRST_LINE in str(prompt) for prompt in model.prompts] == [True, False] * FORM_TRIES + [False]


@pytest.mark.parametrize("settings", [{"stop": ["\n"]}, {"response_format": {"type": "json_object"}}])
async def test_an_answer_that_cannot_begin_with_a_line_is_not_asked_for_one(settings: dict[str, Any]) -> None:
    model = TwoCallChat()
    given = EARLY_ON.model_copy(update={"model_settings": settings})

    await create_hef(model=model).compile().ainvoke(SAID, context=given)

    assert (model.judgements, [FIRST_LINE in str(prompt) for prompt in model.prompts]) == (1, [False])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("line", "answer", "quoted"),
    [
        ("<think>They lost a dog. [proud: x]</think>\n\n**[sad: dog died]**\n\n", "sad", "dog died"),
        ("[Sad/lonely: dog died]\n", "sad", "dog died"),
        ("【難過：My dog】\n", "sad", "My dog"),
        ("[devastated: “last night”]\n", "devastated", "last night"),
        ("[sad:]\n", "sad", ""),
        ("[sad: my dog [Rex] died]\n", "sad", "my dog [Rex] died"),
        ("[sad: dog died]\n[sad: dog died]\n", "sad", "dog died"),
    ],
)
async def test_the_line_is_read_in_the_forms_that_llms_write(line: str, answer: str, quoted: str, mode: str) -> None:
    text, turn = await streamed(mode, create_hef(model=TwoCallChat(line=line)).compile())

    assert (text, turn["messages"][-1].content) == ("I hear you.", "I hear you.")
    assert (turn["verdict"].answer, turn["verdict"].words) == (answer, quoted)


def piecewise(answer: str, size: int) -> tuple[Feeling | None, str]:
    line = FirstLine(LineReader(["sad", "let down"], {"难过": "sad"}))
    said = "".join(line.feed(answer[start : start + size]) for start in range(0, len(answer), size)) + line.close()
    return line.feeling, said + line.close()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("answer", "feeling", "said"),
    [
        ("[sad: a]\nOh.", Feeling("sad", "a"), "Oh."),
        ("[none]\n\nIt is noon.", Feeling("none"), "It is noon."),
        ("**[sad: a]**\n\n**Oh.**", Feeling("sad", "a"), "**Oh.**"),
        ("`[sad: a]`\r\nx", Feeling("sad", "a"), "x"),
        ("'[sad: a]'.\n[a list]", Feeling("sad", "a"), "[a list]"),
        ("[let_down: list[0] broke :)]\nYes [it] did.", Feeling("let down", "list[0] broke :)"), "Yes [it] did."),
        ("[sad: a]\n[sad: b]\n\n*hugs* Oh.", Feeling("sad", "a"), "*hugs* Oh."),
        ("[sad: a]\nOh.\n[sad: a]", Feeling("sad", "a"), "Oh.\n"),
        ("[sad: a]\nOh.\n[none]\n[I nod]\n- b", Feeling("sad", "a"), "Oh.\n[I nod]\n- b"),
        ("[sad: a]\n---\n[sad: a]\nOh.", Feeling("sad", "a"), "---\nOh."),
        ("[sad: a]", Feeling("sad", "a"), ""),
        ("[sad] is what I would feel.", None, "[sad] is what I would feel."),
        ("[Sad]\nWoof.", None, "[Sad]\nWoof."),  # how a character acts
        ("(sad: a)\nWoof.", None, "(sad: a)\nWoof."),
        ("[sad: a] Oh.", None, "[sad: a] Oh."),
        ("[sad: a\nOh [hugs] dear.", None, "[sad: a\nOh [hugs] dear."),
        ("[smiles] Hello.", None, "[smiles] Hello."),
        ("*hugs* Hello.", None, "*hugs* Hello."),
        ("- First, rest.\n- Then eat.", None, "- First, rest.\n- Then eat."),
        ("Sad to hear.\n[sad: a]", None, "Sad to hear.\n[sad: a]"),
        ("[sad: " + "a" * 500 + "]\nb", None, "[sad: " + "a" * 500 + "]\nb"),
        ("[sad", None, "[sad"),
        ("", None, ""),
    ],
)
def test_only_a_line_that_can_be_read_is_taken_off_however_it_comes(
    answer: str, feeling: Feeling | None, said: str, size: int
) -> None:
    assert piecewise(answer, size) == (feeling, said)


@pytest.mark.parametrize("has_end", [True, False])
def test_a_call_without_a_last_chunk_is_recorded_whole(has_end: bool) -> None:
    recording = Recording(asynchronous=False)
    recorder, run = CallRecorder(recording, LineReader(["sad"], {})), uuid4()
    recorder.on_chat_model_start()
    for text in ("[sa", "d: a]\n", "Oh ", "<"):
        recorder.on_llm_new_token(text, chunk=ChatGenerationChunk(message=AIMessageChunk(text)), run_id=run)
    if has_end:
        last = AIMessageChunk("", chunk_position="last")
        recorder.on_llm_new_token("", chunk=ChatGenerationChunk(message=last), run_id=run)
    whole = ChatGeneration(message=AIMessage("[sad: a]\nOh <"))
    recorder.on_llm_end(LLMResult(generations=[[whole]]), run_id=run)

    line, *chunks, end = recording.received()

    assert line == Line(Feeling("sad", "a"))
    assert "".join(str(chunk.message.text) for chunk in chunks) == end.generations[0][0].message.text == "Oh <"


def test_tokens_and_thoughts_of_a_chunk_of_the_line_are_kept() -> None:
    recording = Recording(asynchronous=False)
    recorder, run = CallRecorder(recording, LineReader(["sad"], {})), uuid4()
    recorder.on_chat_model_start()
    usage: Any = {"input_tokens": 100, "output_tokens": 1, "total_tokens": 101}
    thought: Any = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "[sad: a]\nOh."}]
    for message in (AIMessageChunk("[sad: a]\n", usage_metadata=usage), AIMessageChunk(content=thought)):
        recorder.on_llm_new_token("", chunk=ChatGenerationChunk(message=message), run_id=run)

    _, counted, thinking = recording.received()

    assert (counted.message.text, counted.message.usage_metadata) == ("", usage)
    assert thinking.message.content[0] == thought[0]


@pytest.mark.parametrize(
    ("llm", "settings", "is_open"),
    [
        (TwoCallChat(), {}, True),
        (TwoCallChat(), {"stop": "###", "max_tokens": 400}, True),
        (TwoCallChat(), {"max_completion_tokens": 20}, False),
        (TwoCallChat().bind(stop=["\n"]), {}, False),
        (TwoCallChat().bind(tools=[{}]).with_config(tags=["a"]), {}, False),
        (TwoCallChat().with_fallbacks([OpenAi(max_tokens=20)]), {}, False),
        (OpenAi(model_kwargs={"response_format": {"type": "json_object"}}), {}, False),
        (OpenAi(stop_sequences=["\n\n"]), {}, False),
        (OpenAi(), {}, True),
    ],
)
def test_an_answer_has_room_for_a_line_and_no_other_form(llm: Any, settings: dict[str, Any], is_open: bool) -> None:
    assert leaves_form_open(llm, settings) == is_open


def test_a_whole_message_in_chinese_is_no_quotation() -> None:
    said = "反正年紀到了嘛，老人家都這樣，我只是每天晚上都睡不著，想著以後要怎麼辦才好"
    dialogue = [Turn("speaker", said)]
    assert quotation(said, dialogue, 12) is None
    short = quotation("每天晚上都睡不著", dialogue, 12)
    assert short is not None
    assert said[short.start : short.end] == short.text == "每天晚上都睡不著"
