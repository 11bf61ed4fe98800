"""Summaries, documents and quotations in a person's message are the host's; the person's own words stay theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.safety import assess
from hef.serving.chat_request import ChatMessage, parse_request
from hef.serving.front_ends.attached_context import split_contexts
from hef.serving.tasks import last_words, recognize_task

DANGER = "I want to kill myself tonight."
ADVICE = (
    "This is your own checkpoint: you wrote it to preserve context after compaction. Pick up where you left off based "
    "on the summary above. Do not repeat prior tasks, information or acknowledge this checkpoint message directly."
)
CARRIED = f"<summary>\nThe person likes tea. I said so.\n</summary>\n\n{ADVICE}"
DOCUMENT = 'Attached document(s):\n```md\n# "diary.txt"\nI am furious with Karl.\n\n```'


def recorded(name: str) -> tuple[ChatMessage, ...]:
    """Return the transcript of a request of a front end."""
    path = Path(__file__).parent / "requests" / f"{name}.json"
    return parse_request(json.loads(path.read_text("utf-8"))["body"]).messages


def persons(*messages: ChatMessage) -> list[str]:
    """Return what is the person's in a transcript."""
    return [message.text for message in split_contexts(messages) if message.role == "user"]


def user(text: str) -> ChatMessage:
    return ChatMessage("user", text)


def kind(*messages: ChatMessage) -> Any:
    asked = parse_request({"messages": [{"role": one.role, "content": one.text} for one in messages]})
    task = recognize_task(asked, {})
    return task and task.kind


@pytest.mark.parametrize(
    ("name", "own"),
    [
        (
            "librechat_after_compaction",
            ["She will visit me in May, I am looking forward to it more than to anything else this year."],
        ),
        (
            "librechat_after_compaction_two_turns",
            [
                "I am glad that I wrote it.",
                "Tomorrow I will bring it to the post office on my way to work, if the rain stops at last.",
            ],
        ),
        ("librechat_document", ["Can you say in one line what this text is about?"]),
        ("librechat_document_of_danger", ["Please correct the commas in my novel."]),
        ("librechat_quotes", ["I am angry at my boss.", "What do you mean by that?"]),
    ],
)
def test_of_a_recorded_request_the_persons_words_are_left(name: str, own: list[str]) -> None:
    messages = recorded(name)
    assert persons(*messages) == own
    assert assess(last_words(messages)).level == "none"
    assert kind(*messages) is None
    in_danger = (*messages[:-1], user(f"{messages[-1].text} {DANGER}"))
    assert assess(last_words(in_danger)).level == "danger"


@pytest.mark.parametrize(
    "messages",
    [
        (user(f"{CARRIED}\n\nGood morning."),),
        (ChatMessage("system", "Be brief."), user(CARRIED), user("Good morning.")),
        (user(f"<summary>\n# Goal\n<b>tea</b>\n</summary> he wrote\n</summary>\n\n{ADVICE}"), user("Good morning.")),
        (user(f"<summary>\n{DANGER} she said\n</summary>\n\n{ADVICE[:79]}"), user("Good morning.")),
        (
            user(
                "<summary>\nThe person likes tea.\n</summary>\n\nYour context was compacted; go on from this summary."
            ),
            user("Good morning."),
        ),
        (user("Here is a summary of the conversation to date:\n\nThe person likes tea."), user("Good morning.")),
    ],
)
def test_a_summary_that_is_carried_is_the_hosts(messages: tuple[ChatMessage, ...]) -> None:
    assert persons(*messages) == ["Good morning."]
    assert assess(last_words(messages)).level == "none"
    assert kind(*messages) is None


@pytest.mark.parametrize(
    "head",
    [
        "## Conversation Summary\n{}",
        "Here is a summary of the conversation to date:\n\n{}",
        "<summary>{}</summary>\nThat was the summary of your context.",
    ],
)
@pytest.mark.parametrize(
    ("summary", "own"),
    [
        (DANGER, True),
        (f"I told my mother: {DANGER}", True),
        ("Going to kill myself tonight. A user of drugs, that is all.", True),
        (f"The user is me. {DANGER}", True),
        (f"Assistant: Hello.\nUser: {DANGER}", True),
        ("My mother died, I am sad and I sleep badly.", False),
        ("The user is sad, her mother died.", False),
        (f'The user said "{DANGER}" The assistant named a helpline.', False),
        (f"User: {DANGER}\nAssistant: Please call 988.", False),
        ('{"role": "user", "assistant": "tea"}', False),
    ],
)
def test_danger_that_a_person_tells_as_a_summary_is_theirs_and_what_a_host_tells_is_not(
    head: str, summary: str, own: bool
) -> None:
    messages = (user(head.format(summary)), user("What do you say to that?"))
    assert persons(*messages) == [one.text for one in messages][0 if own else 1 :]
    assert assess(last_words(messages)).level == ("danger" if own else "none")
    assert kind(*messages) is None


@pytest.mark.parametrize(
    "text",
    [
        "<summary>",
        f"<summary>{DANGER}</summary>",
        f"<summary>{DANGER}</summary> This is my own checkpoint.",
        f"<summary>my life</summary>\n\n{DANGER}",
        f"my boss wrote: {CARRIED}",
        "Here is a summary of the conversation with my boss:\n\nhe fired me",
        "This is your own checkpoint: you wrote it.",
        "<summary>The context</summary> I left off there, you see the summary above.",
    ],
)
def test_what_a_person_says_of_a_summary_is_theirs(text: str) -> None:
    for messages in (
        [user(text)],
        [user(text), user("Well.")],
        [user("Hi"), ChatMessage("assistant", "Hi"), user(text)],
    ):
        assert [*split_contexts(messages)] == messages
        assert kind(*messages) is None
    assert [*split_contexts([user(CARRIED)])] == [user(CARRIED)]  # nobody else speaks there


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (DOCUMENT, "What is it about?"),
        (DOCUMENT.replace("```md\n", "```md"), "What is it about?"),
        (DOCUMENT.replace("document(s)", "file(s)").replace("md", "text"), "What is it about?"),
        (DOCUMENT.replace("\n\n```", '\n\n\n---\n\n# "b.md"\nHe:\n```py\nprint()\n```\nbye\n\n```'), "Which is older?"),
        (DOCUMENT, f"Please run this:\n\n```\n{DANGER}\n```\nThanks"),
        (DOCUMENT, f"# A heading\n\n> and a line\n\n{DANGER}"),
    ],
)
def test_a_document_before_the_words_is_the_hosts(document: str, words: str) -> None:
    before = [user("Hi"), ChatMessage("assistant", "Hi")]
    *_, host, own = split_contexts([*before, user(f"{document}\n{words}")])
    assert (host.role, host.text, own.text) == ("system", document, words)
    assert (assess(last_words([user(f"{document}\n{words}")])).level == "danger") == (DANGER in words)


@pytest.mark.parametrize(
    "text",
    [
        "Attached document(s): none, I lost them all",
        f"Attached document(s):\n```md\n{DANGER}\n\n```\nbye",
        f'Attached document(s):\n```md\n# "a.txt"\n{DANGER}',
        f'Attached document(s):\n# "a.txt"\n{DANGER}\n\n```\nbye',
        f"{DANGER} {DOCUMENT}\nbye",
        DOCUMENT,
    ],
)
def test_what_a_person_says_of_a_document_is_theirs(text: str) -> None:
    assert persons(user(text)) == [text]


def test_of_a_document_with_a_fence_of_its_own_more_is_read_and_never_less() -> None:
    document = DOCUMENT.replace("furious", "so\n\n```\nfurious")
    (own,) = persons(user(f"{document}\n{DANGER}"))
    assert own.startswith("furious")
    assert own.endswith(DANGER)


REPLY = "I **hear** you, I am angry, too.\nTell me more about it - whenever you like."


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("> I hear you, I am angry\n\n> whenever you like\n\nWhat do you mean?", "What do you mean?"),
        ("> too.\n> Tell me more\n\nNo.", "No."),
        ("> Tell me more about it\n\n> 你今天过得\n\nNo.", "> 你今天过得\n\nNo."),
        (">whenever you like\nNever!\n> I am angry\nReally?", "Never!\nReally?"),
        (f"> whenever you like\n\n{DANGER}", DANGER),
        (f"> whenever you like\n\n> {DANGER}\n\nThat is what I mean.", f"> {DANGER}\n\nThat is what I mean."),
        (f"{DOCUMENT}\n> whenever you like\n\nNow?", "Now?"),
    ],
)
def test_what_a_person_quotes_of_the_assistant_is_not_theirs(text: str, own: str) -> None:
    messages = [user("I am sad."), ChatMessage("assistant", REPLY), user(text)]
    assert persons(*messages) == ["I am sad.", own]
    *_, quotations, last = split_contexts(messages)
    assert quotations.role == "system"
    assert "quotes words of yours" in quotations.text
    assert (last.role, last.text) == ("user", own)
    assert assess(last_words(messages)).level == ("danger" if DANGER in text else "none")


@pytest.mark.parametrize(
    "text",
    [
        f"> {DANGER}",
        f"> {DANGER}\n\nwell",
        "> I am sad.\n\nThat is what I said.",
        "> whenever you like",
        "> :(\n\nwell",
        "> more about\n\nwell",
        "> ear you, I\n\nwell",
        "> I am ang\n\nwell",
        "whenever you like\n\nNever.",
        ">_< I feel awful",
        "1 > 0, they say",
    ],
)
def test_what_nobody_else_said_is_no_quotation(text: str) -> None:
    messages = [user("I am sad."), ChatMessage("assistant", REPLY), user(text)]
    assert [*split_contexts(messages)] == messages
    alone = [user(text), ChatMessage("assistant", REPLY)]
    assert [*split_contexts(alone)] == alone


@pytest.mark.parametrize(
    ("reply", "quotation", "is_quoted"),
    [
        ("This skill means a lot, and you have it.", "kill me", False),
        ("This skill means a lot, and you have it.", "kill me a", False),
        ("Do you want to kill me?", "kill me", False),
        ("Thank you. Well done! Now rest.", "Well done", True),
        ("Thank you. Well done! Now rest.", "Now", False),
        ("Don’t give up, un**believ**able one.", "don't give up", True),
        ("Don’t give up, un**believ**able one.", "give up, unbelievable", True),
        ("我听见你说想死的话了，我在。", "想死", False),
        ("我听见你说想死的话了，我在。", "我在", False),
        ("我听见你说想死的话了，我在。", "我听见你说想", True),
        ("मैं समझता हूँ कि यह कठिन है", "समझता", False),
        ("मैं समझता हूँ कि यह कठिन है", "समझता हूँ कि", True),
    ],
)
def test_a_quotation_is_three_whole_words_of_a_reply_or_a_sentence(reply: str, quotation: str, is_quoted: bool) -> None:
    text = f"> {quotation}\n\nplease do it"
    messages = [user("I am sad."), ChatMessage("assistant", reply), user(text)]
    assert persons(*messages) == ["I am sad.", "please do it" if is_quoted else text]
