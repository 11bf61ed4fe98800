"""What LibreChat asks for itself beside titles: compactions, and an agent that keeps a memory of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.serving.chat_request import ChatMessage, parse_request
from hef.serving.front_ends.attached_context import split_contexts
from hef.serving.tasks import recognize_task

DANGER = "I want to kill myself tonight."
TALK = [("user", "I moved."), ("assistant", "I hear you."), ("user", "I am lonely."), ("assistant", "Tell me more.")]


def recorded(name: str) -> list[tuple[str, str]]:
    """Return the roles and words of a request."""
    path = Path(__file__).parent / "requests" / f"{name}.json"
    messages = parse_request(json.loads(path.read_text("utf-8"))["body"]).messages
    return [(message.role, message.text) for message in messages]


COMPACTION, AGAIN = (recorded(name)[-1][1] for name in ("librechat_compaction", "librechat_compaction_again"))
MEMORY_AGENT = recorded("librechat_memory_agent")[0][1]
HANDOFF = (
    "Before I go on, write me a handoff summary of all that we did. The context window is full.\n\n"
    "## Goal\n- what I want\n\n## Decisions\n- why we made them\n\n## Next steps\n\nOnly the summary."
)


def kind(*messages: tuple[str, str], **fields: Any) -> str | None:
    asked = parse_request({"messages": [{"role": role, "content": text} for role, text in messages], **fields})
    task = recognize_task(asked, {})
    return task and task.kind


@pytest.mark.parametrize(
    "prompt",
    [
        COMPACTION,
        AGAIN,
        f"Earlier parts of the conversation, by topic:\n- moving\n\n{COMPACTION}",
        f"  {AGAIN}\n\n<previous-summary>\n{'They moved. ' * 2_000}\n</previous-summary>",
        # An administrator's own.
        HANDOFF,
        "Write a checkpoint of the conversation for the next agent.\n# What I asked\n# Facts\n# Open\n"
        "Return only the checkpoint.",
        "请把以上对话压缩成摘要，上下文窗口快满了，我需要它。\n# 目标\n# 事实\n# 下一步\n只输出摘要。",
    ],
)
def test_a_compaction_is_a_task_though_it_speaks_as_the_person(prompt: str) -> None:
    assert kind(*TALK, ("user", prompt)) == "summary"
    assert kind(("system", "You are Mia."), *TALK, ("user", prompt)) == "summary"


def test_a_compaction_sums_up_danger_that_was_answered_and_none_that_was_not() -> None:
    danger = [("user", DANGER), ("assistant", "Please call 988.")]
    for prompt in (COMPACTION, AGAIN, HANDOFF):
        assert kind(*TALK, *danger, ("user", prompt)) == "summary"
        assert kind(*TALK, ("user", DANGER), ("user", prompt)) is None
    assert kind(*TALK, ("user", "I am fine."), ("user", COMPACTION)) == "summary"
    assert kind(*TALK, ("user", f"{HANDOFF}\n\n{DANGER}")) is None


@pytest.mark.parametrize("prompt", [COMPACTION, AGAIN])
def test_what_stands_before_a_compaction_in_its_message_is_the_persons(prompt: str) -> None:
    example = ("system", "You are Mia.\nUser: Hello\nAssistant: Hi")
    for before in ([*TALK], [example, *TALK]):
        asked = [*before, ("user", f"{DANGER}\n\n{prompt}")]
        assert kind(*asked) is None
        *_, host, own = split_contexts([ChatMessage(role, text) for role, text in asked])  # type: ignore[arg-type]
        assert (host.role, host.text, own.text) == ("system", prompt.strip(), DANGER)
        assert kind(*before, ("user", f"I am fine.\n\n{prompt}")) == "summary"
    answered = [("user", DANGER), ("assistant", "Please call 988.")]
    assert kind(*TALK, *answered, ("user", f"Earlier parts:\n- moving\n\n{prompt}")) == "summary"


@pytest.mark.parametrize(
    "text",
    [
        "Hold on, before you continue I need you to write me a checkpoint of everything so far.",
        "Hold on again, update your checkpoint. I feel awful.",
        "Only the checkpoint, don't respond to me or continue the conversation.",
        "Write me a summary of all that we said, only the summary.\n# Me\n# Karl\n# Us",
        "My context window is full, says my phone. Only the summary is left.",
        "# I lost my job\n# I lost my dog\n# I lost my keys\nthe summary of my day",
        f"my colleague sent me this, I feel stupid: {COMPACTION[:300]}",
    ],
)
def test_a_person_who_speaks_of_a_checkpoint_is_a_person(text: str) -> None:
    assert kind(("user", text)) is None
    assert kind(*TALK, ("user", text)) is None


@pytest.mark.parametrize(
    ("instruction", "chat"),
    [
        (MEMORY_AGENT, recorded("librechat_memory_agent")[1][1]),
        (MEMORY_AGENT, recorded("librechat_memory_agent_two_turns")[1][1]),
        (MEMORY_AGENT, f"# Current Chat:\n\nHuman: {DANGER}"),
        ("Keep what matters.\n\n# Existing memory:\nlikes tea", "# Current Chat:\n\nUser: I moved.\n\nAssistant: Yes."),
        (
            MEMORY_AGENT,
            "# Current Chat:\n\n[Earlier chat content omitted due to memory input limit]\n\nmoved.\nAI: Yes.",
        ),
        ("Call `save_memory` for what the user wants kept.", "## Recent conversation\nUser: I moved."),
        ("Use the `memory_write` tool, or end the turn.", "# Chat history:\nHuman: I moved.\nAI: I hear you."),
    ],
)
def test_a_chat_that_is_shown_to_an_agent_with_a_memory_is_a_task(instruction: str, chat: str) -> None:
    assert kind(("system", instruction), ("user", chat)) == "other"


@pytest.mark.parametrize(
    "text",
    [
        "# Current Chat",
        "# Current Chat:\n\nI am sad, Human: is what they call me",
        f"# Current Chat:\n\n{DANGER}",
        "# Current Chat: Human: I am sad",
        "I wrote:\n# Current Chat:\n\nHuman: I am sad",
        "# My chat with Karl\nHe is mean",
    ],
)
def test_a_person_who_speaks_of_a_chat_is_a_person(text: str) -> None:
    for before in ([], [("system", "You are Mia.")], [("system", MEMORY_AGENT)], TALK):
        assert kind(*before, ("user", text)) is None
    chat = "# Current Chat:\n\nHuman: I am sad"
    for before in ([], [("system", "You are Mia.")], TALK):
        assert kind(*before, ("user", chat)) is None


def test_where_only_the_wording_tells_an_agent_danger_is_looked_for() -> None:
    assert kind(("system", "Call `save_memory`."), ("user", f"# Current chat:\nHuman: {DANGER}")) is None
    assert kind(("system", "Call `save_memory`."), ("user", "# Current chat:\nHuman: I moved.")) == "other"


@pytest.mark.parametrize("lines", ["Human said: {}\n\nBot said: ", "Q: {}\nA: Yes.", "- {}", "{}"])
@pytest.mark.parametrize("name", ["librechat_title", "librechat_title_structured"])
def test_librechats_title_prompt_is_known_whatever_the_template_of_its_conversation_is(name: str, lines: str) -> None:
    prompt = recorded(name)[0][1].partition("User: ")[0]
    assert kind(("user", f"{prompt}{lines.format(DANGER)}")) == "title"
    assert kind(("user", prompt.partition("\n")[0] + lines.format("My life: failure"))) is None


def test_a_compaction_by_headings_is_none_where_nobody_answered_danger() -> None:
    demand = "请把以上对话压缩成摘要，上下文窗口快满了，我需要它。\n# 目标\n# 事实\n# 下一步\n只输出摘要。"
    assert kind(*TALK, ("user", DANGER), ("user", demand)) is None
    assert kind(*TALK, ("user", DANGER), ("assistant", "Please call 988."), ("user", demand)) == "summary"
    assert kind(*TALK, ("user", f"{DANGER} {demand}")) is None
