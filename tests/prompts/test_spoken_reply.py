"""A reply is what the listener says, without what a model writes around it."""

from __future__ import annotations

from time import process_time

import pytest
from hef.prompts.spoken_reply import ReplyFilter, persona_name, spoken_reply, without_address

REPLIES = [
    ("I hear you.", "I hear you."),
    ("I hear you.<|im_end|>\n<|im_start|>user\nThanks", "I hear you."),
    ("I hear you.</s><s>[INST] more [/INST]", "I hear you."),
    ("I hear you. [/INST] Ok", "I hear you."),
    ("I hear you.<end_of_turn>\n", "I hear you."),
    ("I hear you.<|eot_id|><|start_header_id|>user<|end_header_id|>", "I hear you."),
    ("I hear you.<｜end▁of▁sentence｜>", "I hear you."),
    ("<|im_start|>assistant\nI hear you.", "I hear you."),
    ("<|start_header_id|>assistant<|end_header_id|>\n\nI hear you.", "I hear you."),
    ("<start_of_turn>model\nI hear you.", "I hear you."),
    ("<s> I hear you.", "I hear you."),
    ("Listener: I hear you.", "I hear you."),
    ("**Assistant:** I hear you.", "I hear you."),
    ("Mia: I hear you.", "I hear you."),
    ("Listener's next turn: I hear you.", "I hear you."),
    ("<think>Hm</think>\n\nAssistant: I hear you.", "I hear you."),
    ("I hear you.\nSpeaker: Thank you.\nListener: Sure.", "I hear you."),
    ("I hear you.\n\n**User**: Thank you.", "I hear you."),
    ("I hear you.\n### Instruction: more", "I hear you."),
    ("Listener: I hear you.\nListener: Really.", "I hear you."),
    ("I hear you.\nUSER: Thank you.", "I hear you."),
    ("I hear you.\n### Response\nmore", "I hear you."),
    ("I hear you.\n### Human", "I hear you."),
    ("I hear you</s>", "I hear you"),
    ("I hear you. <s>\n", "I hear you."),
    ("I <s>feel</s> hear you.</s>\nUser: Thanks", "I <s>feel</s> hear you."),
    ("<assistant>I hear you.</assistant>", "I hear you."),
    ("<listener>\nI hear you.\n</listener>\n<speaker>\nThanks", "I hear you."),
    ("I hear you.\n<user>", "I hear you."),
    ("I hear you.\n<user>\nThanks", "I hear you."),
    ("Try `this`.\nUser: Thanks", "Try `this`."),
    ("```\nthis\n```<|im_end|>", "```\nthis\n```"),
    ('Listener: "I hear you."', '"I hear you."'),
    ("analysisThe user is SECRET.assistantfinalI hear you.", "I hear you."),
    ("<think\n>SECRET</think\n>I hear you.", "I hear you."),
    ("<think>only a thought", ""),
    ("Listener:", ""),
    ("Assistants like me listen: I hear you.\nIt is hard.", "Assistants like me listen: I hear you.\nIt is hard."),
    ("I <3 you [sic], model: 5 < 6.\n\n- one\n- two", "I <3 you [sic], model: 5 < 6.\n\n- one\n- two"),
    ("L", "L"),
]


@pytest.mark.parametrize(("written", "said"), REPLIES)
def test_a_reply_is_what_is_said(written: str, said: str) -> None:
    assert spoken_reply(written, "You are Mia, a nurse.") == said


@pytest.mark.parametrize("written", ["小林：我在听。", "小林: 我在听。", "**小林：** 我在听。", "我在听。\nUser: 谢谢"])
def test_a_name_in_chinese_before_a_reply_is_not_said(written: str) -> None:
    persona = "You are 小林.\n\n你是小林，一个聊天伙伴。"
    assert spoken_reply(written, persona) == "我在听。"
    reply = ReplyFilter(persona)
    assert "".join([*map(reply.feed, written), reply.close()]).strip() == "我在听。"


WHOLE = [
    "The two options are:\nModel: the one you have\nBot: none",
    "Good idea. You could write:\nAssistant: hello there",
    "I'd log in like this:\n\nUser: ana\nPassword: secret\nUser: bob",
    "**You might say:**\nSpeaker: I am tired.\nListener: Rest, then.",
    "Here is the listener's next turn:\n\nListener: I hear you.",
    "A quick list:\nSystem: Windows",
    "Mine is old.\nSystem: Windows\nModel: X1\nAI: none",
    "Take time.\n## Human needs\nSleep.",
    "Take time.\n### Human needs\nSleep.",
    "Both are fine.\nuser: a word in lower case",
    "Model: T Ford",
    "AI: Artificial Intelligence by Spielberg is sad, yes.",
    "Bot: a small program.",
    '"Listener: hi" she said.',
    "Use <s>strike</s> for what is over.",
    "It is <s>bad</s>\nbetter now.",
    "You can use the <user> tag.",
    "It ends the <user> and </user> tags, too.",
    "Write it so:\n<user>\nana\n</user>\nand go.",
    "```\n<|im_end|>\nUser: ana\n</s>\n```\nThat is all.",
    "The token `<|im_end|>` ends it, and `</s>`",
    "print('<think>') is `<think>` in code.",
    "```python\nprint('<think>')\n```\nIs that it?",
]


@pytest.mark.parametrize("written", WHOLE)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_what_could_be_said_is_not_cut(written: str, size: int) -> None:
    reply = ReplyFilter("You are Mia, a nurse.")

    pieces = [reply.feed(written[start : start + size]) for start in range(0, len(written), size)]

    assert "".join([*pieces, reply.close()]) == written


@pytest.mark.parametrize(("written", "said"), REPLIES)
@pytest.mark.parametrize("size", [1, 3, 8])
def test_pieces_come_to_the_same(written: str, said: str, size: int) -> None:
    reply = ReplyFilter("Mia")

    pieces = [reply.feed(written[start : start + size]) for start in range(0, len(written), size)]

    assert "".join([*pieces, reply.close()]).rstrip() == said


def test_an_ordinary_reply_is_streamed_word_by_word() -> None:
    reply = ReplyFilter("a nurse")

    assert [reply.feed(word) for word in ("I ", "hear ", "you. ", "Tell ", "me.")] == [
        "I ", "hear ", "you. ", "Tell ", "me."
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("persona", "name"),
    [
        ("Mia", "Mia"),
        ("You are Mia.", "Mia"),
        ("you're Dr. Ada Lovelace", "Dr"),
        ("Ada Lovelace, who counts", "Ada Lovelace"),
        ("Act as though you were Ada Lovelace", "Ada Lovelace"),
        ("My name is Mia. I like cats.", "Mia"),
        ("Mia is a nurse", "Mia"),
        ("I am Mia, a nurse", "Mia"),
        ("You are 小林.\n\n你是小林，一个聊天伙伴。", "小林"),
        ("小林，一个聊天伙伴。", "小林"),
        ("Always Answer", ""),
        ("a warm, attentive friend", ""),
        ("", ""),
    ],
)
def test_a_persona_may_begin_with_a_name(persona: str, name: str) -> None:
    assert persona_name(persona) == name


@pytest.mark.parametrize(
    ("persona", "described"),
    [
        ("You are Mia", "Mia"),
        ("you’re a nurse.", "a nurse"),
        ("Act as a friend", "a friend"),
        ("Your name is Mia. You like cats.", "Mia. You like cats"),
        (" a nurse ", "a nurse"),
        ("your own friend", "your own friend"),
        ("Act as if you were Mia", "Mia"),
        ("Speak like you are a nurse.", "a nurse"),
        ("Imagine that you are Mia, a nurse", "Mia, a nurse"),
        ("Pretend you were Mia.", "Mia"),
        ("My name is Mia", "Mia"),
        ("My name’s Mia.", "Mia"),
        ("I am Mia, a night nurse.", "Mia, a night nurse"),
        ("Call me Mia", "Mia"),
        ("You are", ""),
        ("Mia is a nurse who listens.", "Mia. Mia is a nurse who listens"),
        ("I listen to people at night.", "the one who says: I listen to people at night"),
        ("Always answer in one line.", "a warm, attentive friend. Always answer in one line"),
        ("She asks before she advises", "a warm, attentive friend. She asks before she advises"),
        ("The assistant must be brief.", "a warm, attentive friend. The assistant must be brief"),
        ("the Red Cross listener", "the Red Cross listener"),
        ("Ian, who listens", "Ian, who listens"),
        ("an actor as shy as you", "an actor as shy as you"),
    ],
)
def test_a_persona_continues_you_are(persona: str, described: str) -> None:
    assert without_address(persona) == described


@pytest.mark.parametrize(
    "unit",
    [
        "\n",
        " ",
        "Listener:",
        "\nS",
        "<|",
        "[",
        "*",
        "a:\n",
        "</s>",
        "</s> x",
        "\n<user>",
        ".</user> x",
        "`",
        "Listener: <|x|>",
    ],
)
def test_hostile_replies_take_linear_time(unit: str) -> None:
    start = process_time()

    spoken_reply(unit * 50_000, "Mia")

    assert process_time() - start < 2
