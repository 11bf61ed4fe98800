"""A conversation held in a terminal: one event loop, one graph, one thread of the checkpointer."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ...contract import HefContext
from ...nodes import to_dialogue
from ..build_graph import build_graph
from ..error_messages import sentence
from ..render import FAINT, GUTTER, field, left_out, summary, understanding
from ..settings import Settings
from .chat_threads import CONVERSATIONS
from .display import TurnDisplay
from .events import Asked, EmotionDecided, Replied, stream_turn
from .reply_command import as_line, understanding_json

ANSWERS = {"yes": "approve", "y": "approve", "no": "reject", "n": "reject"}
"""What a person types about an emotion that is asked about, and what it means."""
LAST = "remember"
"""The node after which a turn is over."""


class ChatSession:
    """One thread of conversation.

    Args:
        settings: What to talk with, and the folder where conversations are kept.
        context: The settings of each turn.
        thread: Identifier of the conversation.
        as_json: Print one JSON object a turn and nothing else.
    """

    def __init__(self, settings: Settings, context: HefContext, *, thread: str, as_json: bool) -> None:
        self._settings = settings
        self._context = context
        self._thread = thread
        self._json = as_json
        self._console = Console(highlight=False, quiet=as_json)
        self._runner = asyncio.Runner()
        self._saving: AbstractAsyncContextManager[AsyncSqliteSaver] | None = None
        self._asked: Asked | None = None
        self.failed = False
        """Whether a turn could not be answered."""
        self.interrupted = False
        """Whether Ctrl-C was the last thing the person did."""

    def __enter__(self) -> ChatSession:
        self._settings.home.mkdir(parents=True, exist_ok=True)
        self._saving = AsyncSqliteSaver.from_conn_string(str(self._settings.home / CONVERSATIONS))
        saver = self._runner.run(self._saving.__aenter__())
        self._hef = build_graph(self._settings, memory=self._context.user_id is not None, checkpointer=saver)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._saving:
            self._runner.run(self._saving.__aexit__(None, None, None))
        self._runner.close()

    def greet(self, person: str, thread: str) -> None:
        """Say who talks, and where a kept conversation stopped."""
        held = self._messages()
        self._asked = self._pending() if self._context.confirm_emotion else None
        self._console.print()
        if not held:
            self.note(f"New conversation [bold]{thread}[/] of [bold]{person}[/]. /help lists the commands.")
            return
        turns = sum(message.type == "human" for message in held)
        count = f"{turns} turn{'s' * (turns > 1)}"
        self.note(f"Resumed conversation [bold]{thread}[/] of [bold]{person}[/], {count} so far. It ended:")
        for message in held[-2:]:
            field(self._console, "you" if message.type == "human" else "hef", Text(message.text, style=FAINT))
        self._console.print()
        if self._asked:
            self._ask(self._asked)

    def say(self, said: str) -> None:
        """Answer one message, or take it as the answer to a question; Ctrl-C stops the reply, not the conversation."""
        stage = TurnDisplay(name="hef", quiet=self._json)
        try:
            with stage:
                done = self._runner.run(self._turn(said, stage))
        except KeyboardInterrupt:
            self.interrupted = True
            self._keep(stage.heard)
            self.note("(stopped; Ctrl-C again or Ctrl-D to leave)")
        except Exception as error:
            self._fail(error)
        else:
            self._asked = done if isinstance(done, Asked) else None
            if isinstance(done, Asked):
                self._ask(done)
                return
            left_out(self._console, done.empathy)
            if self._json:
                print(as_line(done), flush=True)
        self._console.print()

    def explain(self) -> None:
        """Show what was understood of the last message."""
        values = self._values()
        if "empathy" not in values:
            self.note("Nothing was said yet.")
            return
        held = list(values["messages"])
        while held and held[-1].type == "ai":
            held.pop()
        understanding(self._console, values["empathy"], to_dialogue(held))
        self._console.print()

    def note(self, text: str) -> None:
        """Print a remark that is not part of the conversation."""
        self._console.print(Padding(Text.from_markup(text, style=FAINT), (0, 0, 0, 2)))

    def _ask(self, asked: Asked) -> None:
        """Show a question; the next message answers it."""
        if self._json:
            print(json.dumps(asked.request, ensure_ascii=False), flush=True)
        self._console.print(Padding(Text(asked.question), (0, 0, 0, 2)))
        self.note("yes, no, or the emotion that it is:")

    def _pending(self) -> Asked | None:
        """Return the question that the conversation stopped at."""
        held = self._runner.run(self._hef.aget_state(self._config)).interrupts
        return Asked(held[0].value) if held else None

    async def _turn(self, said: str, stage: TurnDisplay) -> Replied | Asked:
        answer = ANSWERS.get(said.strip().lower(), said)
        given: list[AnyMessage] | Command[Any] = Command(resume=answer) if self._asked else [HumanMessage(said)]
        async for event in stream_turn(self._hef, given, self._context, self._thread):
            if isinstance(event, EmotionDecided):
                stage.pause()
                self._console.print(Text(" " * (GUTTER + 2)).append(summary(event.empathy)))
            stage.take(event)
        return stage.asked or stage.done

    def _keep(self, heard: str) -> None:
        """Keep what was said of a stopped reply, so that the next turn knows of it."""
        if heard.strip():
            update = {"messages": [AIMessage(heard.strip())]}
            self._runner.run(self._hef.aupdate_state(self._config, update, as_node=LAST))

    def _fail(self, error: Exception) -> None:
        self.failed = True
        message = sentence(error)
        if self._json:
            print(json.dumps(understanding_json(error) or {"error": message}, ensure_ascii=False), flush=True)
        Console(stderr=True, highlight=False).print(Text(f"error: {message}", style="red"), soft_wrap=True)

    @property
    def _config(self) -> Any:
        return {"configurable": {"thread_id": self._thread}}

    def _values(self) -> dict[str, Any]:
        return dict(self._runner.run(self._hef.aget_state(self._config)).values)

    def _messages(self) -> list[Any]:
        return list(self._values().get("messages", []))
