"""What an LLM thinks is no part of its answer, however its thoughts are marked and cut into pieces."""

from __future__ import annotations

from time import process_time

import pytest
from hef.prompts.thoughts import ThoughtFilter, answer_text, with_text, without_thoughts
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

ANSWERS = [
    ("<think>She is joyful.</think>\n\nI hear you.", "I hear you."),
    ("<THINKING>Hm</THINKING>I hear you.", "I hear you."),
    ('<thought type="private">Hm</thought> I hear you.', "I hear you."),
    ("<reasoning>a <b> c</reasoning>I hear you.", "I hear you."),
    ("<seed:think>Hm</seed:think>I hear you.", "I hear you."),
    ("<think>one</think>I <think>two</think>hear you.", "I hear you."),
    ("<think>a<think>b</think>c</think>I hear you.", "I hear you."),
    ("<think\n>Hm</think\n>I hear you.", "I hear you."),
    ('<thought\ntype="private"\n>Hm</thought \n >I hear you.', "I hear you."),
    ("[THINK]Hm[/THINK]I hear you.", "I hear you."),
    ("◁think▷Hm◁/think▷I hear you.", "I hear you."),
    ("<|channel>thought\nHm<channel|>I hear you.", "I hear you."),
    ("<|START_THINKING|>Hm<|END_THINKING|>I hear you.", "I hear you."),
    ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>I hear you.", "I hear you."),
    ("<|start|>assistant<|channel|>commentary to=x<|message|>Hm.<|call|>I hear you.", "I hear you."),
    ("<|channel|>final <|constrain|>JSON<|message|>I hear you.<|return|>", "I hear you."),
    ("analysisThe user is sad.assistantfinalI hear you.", "I hear you."),
    ("analysisjoyful and proud.assistantfinalI hear you.", "I hear you."),
    ("analysis\n\nHm <b> Hm.\nassistantfinal\n<think>Hm</think>I hear you.", "I hear you."),
    ("assistantfinalI hear you.", "I hear you."),
    ("analysisThe user is", ""),
    ("analysis of feelings is not my trade", "analysis of feelings is not my trade"),
    ("analys", "analys"),
    ("Sad? No, she is calm.</think>I hear you.", "I hear you."),
    ("I hear you. <think>And now I should", "I hear you."),
    ("<think>I never came to an", ""),
    ("<|channel|>analysis<|message|>I never came to an", ""),
    ("<|channel|>analy", ""),
    ("I hear you.", "I hear you."),
    ("I <3 you [sic], 2 < 3 and I think so. <b>Bold</b> [link](x) ◁ <", "I <3 you [sic], 2 < 3 and I think so. "
     "<b>Bold</b> [link](x) ◁ <"),
    ("I hear you.<|end|>", "I hear you.<|end|>"),
    ("A <think> tag <|inner_prefix|>Hm<|inner_suffix|>is one.", "A <think> tag is one."),
    ("A <think> tag.<|channel|>analysis<|message|>Hm<|end|>", "A <think> tag."),
]  # fmt: skip


SHOWN = [
    "```python\nprint('<think>')\n```\nI hear you.",
    "~ ```\n</think>\n<|channel|>analysis\n``` ok",
    "Write `<think>` first and `</think>` last.",
    "Write `` `<reasoning>` `` first.",
    "The <think> tag opens it, `</think>` closes it.",
    "It is called [THINK] there.",
    "The <think> tag and the [THINK] tag differ.",
    "A <scratchpad> is a place for notes.\nI hear you.",
]


@pytest.mark.parametrize("answer", SHOWN)
@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_a_tag_that_is_only_spoken_of_is_part_of_the_answer(answer: str, size: int) -> None:
    thoughts = ThoughtFilter()

    pieces = [thoughts.feed(answer[start : start + size]) for start in range(0, len(answer), size)]

    assert "".join([*pieces, thoughts.close()]) == answer


@pytest.mark.parametrize(
    "answer",
    [
        "It`s hard.\n<think>Hm</think>",
        "It`s hard. <think>Hm",
        "It`s <think>Hm</think>hard.",
        "`It`s hard. <think>Hm",
        "```\nx\n```\n<think>Hm",
        "Listener: <think>Hm",
        "**Mia:** <think>Hm",
        "<|im_start|>assistant<think>Hm</think>",
        "One `line\n<think>Hm",
        "Ok!) <think>Hm",
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_thought_after_code_a_role_or_a_sentence_is_one(answer: str, size: int) -> None:
    thoughts = ThoughtFilter()

    pieces = [thoughts.feed(answer[start : start + size]) for start in range(0, len(answer), size)]

    assert "Hm" not in "".join([*pieces, thoughts.close()])


LATE = ("Sad? No, s", "<think>a<t")
"""Answers of which only the whole shows that they began with a thought."""


@pytest.mark.parametrize(("answer", "said"), ANSWERS)
def test_thoughts_are_removed(answer: str, said: str) -> None:
    assert without_thoughts(answer).strip() == said


@pytest.mark.parametrize(("answer", "said"), [row for row in ANSWERS if row[0][:10] not in LATE])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_come_to_the_same(answer: str, said: str, size: int) -> None:
    thoughts = ThoughtFilter()

    pieces = [thoughts.feed(answer[start : start + size]) for start in range(0, len(answer), size)]

    assert "".join([*pieces, thoughts.close()]).strip() == said


def test_text_is_not_held_back_longer_than_it_could_become_a_tag() -> None:
    thoughts = ThoughtFilter()

    assert [thoughts.feed(piece) for piece in ("I ", "<", "3 you", " <th", "ink>no</think>", "!")] == [
        "I ", "", "<3 you", " ", "", "!"
    ]  # fmt: skip


@given(st.lists(st.sampled_from(["<think>", "</think>", "<|channel|>", "<|message|>", "<", "x", "final", "[THINK]"])))
def test_a_thought_leaves_no_opening_tag(pieces: list[str]) -> None:
    said = without_thoughts("".join(pieces))

    assert without_thoughts(said) == said or "<think>" not in said


@pytest.mark.parametrize(
    "unit",
    ["<", "<think>", "</think>", "[THINK", "<|channel|>", "<think ", "◁", "<|start|>a", "x <think> ", "`", "analysis"],
)
def test_hostile_answers_take_linear_time(unit: str) -> None:
    start = process_time()

    without_thoughts(unit * 50_000)

    assert process_time() - start < 2


def test_parts_of_thoughts_are_no_part_of_what_a_message_says() -> None:
    message = AIMessage(
        [
            {"type": "thinking", "thinking": "Hm."},
            {"type": "reasoning", "reasoning": "Hm."},
            {"type": "text", "text": "<think>Hm.</think>I hear "},
            {"type": "text", "text": "you."},
        ],
        additional_kwargs={"reasoning_content": "Hm.", "refusal": None},
    )

    said = with_text(message, answer_text(message))

    assert said.content == "I hear you."
    assert said.additional_kwargs == {"refusal": None}
    assert with_text(said, "I hear you.") is said


@pytest.mark.parametrize(
    "field", ["reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks"]
)
def test_a_message_said_holds_no_thoughts_beside_its_text(field: str) -> None:
    message = AIMessage("I hear you.", additional_kwargs={field: [{"text": "Hm."}], "refusal": None})

    assert with_text(message, "I hear you.").additional_kwargs == {"refusal": None}
