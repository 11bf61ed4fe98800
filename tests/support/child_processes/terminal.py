"""A program in a terminal of its own, and `hef chat` with a scripted LLM as such a program."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
from pathlib import Path

from forked_program import ForkedProgram

_CHAT_MODELS = Path(__file__).parents[1] / "models"
SCRIPTED = """
import sys
import hef.graph.parts, hef.cli.chat.chat_command
from scripted_chat import ScriptedChat
from hef.cli import main

model = ScriptedChat(script=["I hear you.", "I see.", "Go on."])
hef.graph.parts.resolve_model = lambda spec: model
hef.cli.chat.chat_command.preload_llm = lambda model: None
sys.argv = ["hef", "chat", "--home", sys.argv[1], "--strategy", "sem_only"]
main()
"""


def scripted_chat(folder: Path, home: Path, script: str = SCRIPTED) -> Terminal:
    """Return `hef chat` in a terminal, with the LLM of a script that is written to a folder."""
    file = folder / "chat_program.py"
    file.write_text(script, encoding="utf-8")
    return Terminal(str(file), str(home), forked=True)


def _hear_ctrl_c() -> None:
    """Let the program hear Ctrl-C even where the tests run in a shell's background, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, *command: str, forked: bool = False) -> None:
        """Start a program; a forked one is a script with its arguments, which spares starting Python and importing."""
        self._here, self._there = pty.openpty()
        # The terminal answers no question about its cursor.
        environment = {**os.environ, "PROMPT_TOOLKIT_NO_CPR": "1", "PYTHONPATH": str(_CHAT_MODELS)}
        self.process: subprocess.Popen[bytes] | ForkedProgram
        if forked:
            self.process = ForkedProgram(command, os.ttyname(self._there), environment)
        else:
            self.process = subprocess.Popen(
                command,
                stdin=self._there,
                stdout=self._there,
                stderr=self._there,
                start_new_session=True,
                preexec_fn=_hear_ctrl_c,
                env=environment,
            )
            os.close(self._there)
        self._seen = ""

    def wait_for(self, text: str) -> str:
        """Wait until a text is printed, and return what was printed before it."""
        while text not in self._seen:
            assert select.select([self._here], [], [], 60)[0], f"no {text!r} after {self._seen!r}"
            self._seen += os.read(self._here, 4096).decode(errors="replace")
        before, self._seen = self._seen.split(text, 1)
        return before

    def type(self, text: str) -> None:
        """Type a text."""
        os.write(self._here, text.encode())

    def paste(self, text: str) -> None:
        """Paste a text as a terminal does, between marks."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def interrupt(self) -> None:
        """Press Ctrl-C while a reply is written; at a prompt it is a key like others, "\\x03"."""
        os.kill(self.process.pid, signal.SIGINT)

    def leave(self) -> None:
        """Press Ctrl-D, and wait for the end."""
        self.type("\x04")
        assert self.process.wait(30) == 0
