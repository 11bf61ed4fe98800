"""A chat in a terminal: pasted and edited text, and memory commands of another process while it is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hef.cli.chat.conversation_file import turn_lock
from terminal import Terminal, scripted_chat


@pytest.fixture
def terminal(chat: Any, tmp_path: Path) -> Iterator[Terminal]:
    """Yield `hef chat` in a terminal, in the folder of `chat`, ready for what is said."""
    opened = scripted_chat(tmp_path, chat.home)
    opened.wait_for("you  ")
    yield opened
    opened.process.kill()
    opened.process.wait(30)


def test_memory_commands_of_another_terminal_work_while_a_chat_is_open(chat: Any, terminal: Terminal) -> None:
    terminal.type("My dog Bello died in the garden.\r")
    terminal.wait_for("hear")
    terminal.wait_for("you  ")
    (turn,) = chat.turns()
    assert turn["text"] == "My dog Bello died in the garden."

    forgotten = chat.run("memory", "forget", "--id", turn["id"], "--yes")

    assert forgotten.exit_code == 0, forgotten.stderr
    assert chat.holding("Bello") == []
    terminal.type("I am so tired.\r")
    terminal.wait_for("I see")
    terminal.wait_for("you  ")
    assert [text for text, _ in chat.remembered()] == ["I am so tired."]
    terminal.leave()
    assert chat.holding("Bello") == []
    assert "1 turn so far" in chat()


def test_two_chats_of_one_person_are_open_at_once_in_conversations_of_their_own(chat: Any, terminal: Terminal) -> None:
    terminal.type("My dog Bello died.\r")
    terminal.wait_for("hear")
    terminal.wait_for("you  ")

    shown = chat("My cat sleeps.")

    assert "New conversation" in shown
    assert "left out" not in shown
    terminal.type("I am so tired.\r")
    terminal.wait_for("I see")
    terminal.wait_for("you  ")
    assert {text for text, _ in chat.remembered()} == {"My dog Bello died.", "My cat sleeps.", "I am so tired."}
    terminal.leave()


def test_a_turn_waits_for_another_process_that_changes_the_persons_conversations(chat: Any, terminal: Terminal) -> None:
    with turn_lock(chat.home, "me"):
        terminal.type("My dog died.\r")
        terminal.wait_for("waiting for another terminal")
    terminal.wait_for("hear")
    terminal.wait_for("you  ")
    assert [text for text, _ in chat.remembered()] == ["My dog died."]
    terminal.leave()


def test_a_pasted_text_of_several_lines_is_one_turn(chat: Any, terminal: Terminal) -> None:
    terminal.paste("My dog died.\nHe was twelve.\n\nI miss him.")
    terminal.wait_for("miss him.")
    terminal.type("\r")
    terminal.wait_for("hear")
    terminal.wait_for("you  ")
    assert [text for text, _ in chat.remembered()] == ["My dog died.\nHe was twelve.\n\nI miss him."]
    terminal.leave()


def test_the_last_message_is_offered_for_editing(chat: Any, terminal: Terminal) -> None:
    terminal.type("My dog died.\r")
    terminal.wait_for("hear")
    terminal.wait_for("you  ")
    terminal.type("/edit\r")
    terminal.wait_for("My dog died.")
    terminal.type(" He was twelve.\r")
    terminal.wait_for("I see")
    terminal.wait_for("you  ")
    assert [text for text, _ in chat.remembered()] == ["My dog died. He was twelve."]
    terminal.leave()
