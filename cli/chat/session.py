"""A conversation in a terminal: one event loop, one graph, one thread of the checkpointer."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from types import TracebackType
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from rich.cells import set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ...characters import Character
from ...contract import HefContext
from ...contract.dialogue import TextLanguage, turn_language
from ...graph.turn_events import EmotionDecided, Question, Replied, stream_turn
from ...nodes import to_dialogue
from ..build_graph import build_graph, close_memory
from ..error_messages import exit_code, sentence
from ..render import (
    FAINT,
    GUTTER,
    field,
    json_line,
    name_markup,
    print_degraded,
    print_empathy,
    print_safety,
    printable,
    summary,
)
from ..settings import Settings
from .chat_threads import thread_name
from .conversation_file import open_conversations, sole_writer
from .display import TurnDisplay
from .reply_command import failed_turn_json, turn_json

ANSWERS = {"yes": "approve", "y": "approve", "no": "reject", "n": "reject"}
"""Short answers to the question about the emotion, and the decisions they stand for."""
LAST_NODE = "remember"
"""The node after which a turn is over."""


class ChatSession:
    """One thread of conversation.

    Args:
        settings: LLM and SEM, and the folder where conversations are kept.
        context: The settings of each turn.
        thread: Identifier of the conversation.
        character: Who replies; greets in a new conversation.
        private: Write nothing to the disk: the conversation ends with the session.
        as_json: Print one JSON object per turn and nothing else.
    """

    def __init__(
        self,
        settings: Settings,
        context: HefContext,
        *,
        thread: str,
        character: Character | None = None,
        private: bool = False,
        as_json: bool = False,
    ) -> None:
        self._settings = settings
        self._context = context
        self._thread = thread
        self._private = private
        self._json = as_json
        self._name = set_cell_size(printable(character.name), GUTTER - 1).rstrip() if character else "hef"
        self._greeting = character.greeting if character else ""
        self._unused = "; ".join(character.left_out) if character else ""
        self._console = Console(highlight=False, quiet=as_json)
        self._runner = asyncio.Runner()
        self._resources = ExitStack()
        self._hef: Any = None
        self._question: Question | None = None
        self._language: TextLanguage = turn_language(context.language, [])
        self.exit_code = 0
        """Of the command: 0, or that of the first turn that could not be answered."""
        self.interrupted = False
        """Whether Ctrl-C was the last thing the person did."""

    def __enter__(self) -> ChatSession:
        with ExitStack() as resources:
            resources.callback(lambda: close_memory(self._hef))
            resources.callback(self._runner.close)
            saver = self._open_saver(resources)
            self._hef = build_graph(self._settings, memory=self._context.user_id is not None, checkpointer=saver)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def _open_saver(self, resources: ExitStack) -> BaseCheckpointSaver[Any]:
        """Return where the conversation is kept; it is open in this session alone, and closed with the resources."""
        if self._private:
            return InMemorySaver()
        home = self._settings.home
        resources.enter_context(sole_writer(home, self._thread, thread_name(self._settings.person, self._thread)))
        conversations = open_conversations(home)
        saver = self._runner.run(conversations.__aenter__())
        resources.callback(lambda: self._runner.run(conversations.__aexit__(None, None, None)))
        return saver

    def greet(self, person: str, thread: str) -> None:
        """Print whose conversation it is, and how a resumed one ended."""
        messages = self._values().get("messages", [])
        self._question = self._pending_question() if self._context.confirm_emotion else None
        self._console.print()
        conversation = f"conversation [bold]{name_markup(thread)}[/] of [bold]{name_markup(person)}[/]"
        if not messages:
            unused = f" Not used of the character: {name_markup(self._unused)}." if self._unused else ""
            self.note(f"New {conversation}. /help lists the commands.{unused}")
            if self._greeting:
                field(self._console, self._name, self._greeting)
                self._console.print()
            return
        turns = sum(message.type == "human" for message in messages)
        count = f"{turns} turn{'s' * (turns > 1)}"
        self.note(f"Resumed {conversation}, {count} so far. It ended:")
        for message in messages[-2:]:
            field(
                self._console,
                "you" if message.type == "human" else self._name,
                Text(printable(message.text), style=FAINT),
            )
        self._console.print()
        if self._question:
            self._ask(self._question)

    def answer(self, message: str) -> None:
        """Reply to a message, or take it as the answer to a question; Ctrl-C stops the reply, not the conversation."""
        new_messages = [] if self._question else [*self._opening(), HumanMessage(message, id=str(uuid4()))]
        if new_messages and any(map(str.isalpha, message)):
            self._language = turn_language(self._context.language, to_dialogue(new_messages[-1:]))
        try:
            with TurnDisplay(name=self._name, quiet=self._json) as display:
                result = self._runner.run(self._run_turn(new_messages or _decision(message), display))
        except KeyboardInterrupt:
            self.interrupted = True
            self._runner.run(self._end_stopped_turn(new_messages))
            self._question = None
            self.note("(stopped, what you said is kept; Ctrl-C again or Ctrl-D to leave)")
        except Exception as error:
            self._fail(error)
        else:
            self._question = result if isinstance(result, Question) else None
            if isinstance(result, Question):
                self._ask(result)
                return
            print_degraded(self._console, result.empathy, self._language)
            if self._json:
                print(turn_json(result), flush=True)
        self._console.print()

    def _opening(self) -> list[AnyMessage]:
        """Return the greeting as the first message of a new conversation; elsewhere it was said, or there is none."""
        is_new = bool(self._greeting) and not self._values().get("messages")
        return [AIMessage(self._greeting, id=str(uuid4()))] if is_new else []

    def explain(self) -> None:
        """Show emotion and causes of the last message."""
        values = self._values()
        if "empathy" not in values:
            self.note("There is no message yet.")
            return
        if values["empathy"].safety.level == "danger":
            print_safety(self._console, values["empathy"], self._language)
            self._console.print()
            return
        if "fine_emotion" not in values.get("explanations", {"fine_emotion": ""}):
            self.note("The last message has not been read: the turn failed or was stopped before.")
            return
        messages = list(values["messages"])
        while messages and messages[-1].type == "ai":
            messages.pop()
        dialogue = to_dialogue(messages)
        language = turn_language(self._context.language, dialogue)
        print_empathy(self._console, values["empathy"], dialogue, language=language)
        self._console.print()

    def note(self, markup: str) -> None:
        """Print a remark, as Rich markup, that is not part of the conversation."""
        self._console.print(Padding(Text.from_markup(markup, style=FAINT), (0, 0, 0, 2)))

    def _ask(self, question: Question) -> None:
        """Show a question; the next message answers it."""
        if self._json:
            print(json_line(question.request), flush=True)
        self._console.print(Padding(Text(printable(question.text)), (0, 0, 0, 2)))
        self.note("yes, no, or the emotion that it is:")

    def _pending_question(self) -> Question | None:
        """Return the question that the conversation stopped at."""
        interrupts = self._runner.run(self._hef.aget_state(self._config)).interrupts
        return Question(interrupts[0].value) if interrupts else None

    async def _run_turn(self, turn: list[AnyMessage] | Command[Any], display: TurnDisplay) -> Replied | Question:
        async for event in stream_turn(self._hef, turn, self._context, self._thread):
            if isinstance(event, EmotionDecided):
                display.pause()
                self._console.print(Text(" " * (GUTTER + 2)).append(summary(event.empathy, self._language)))
            display.show(event)
        return display.question or display.result

    async def _end_stopped_turn(self, new_messages: list[AnyMessage]) -> None:
        """Keep what the person said in a turn that was stopped, and nothing of a half reply.

        It is answered, and remembered, together with what they say next. A reply that was complete is remembered.
        """
        state = await self._hef.aget_state(self._config)
        if state.next == (LAST_NODE,):
            await self._hef.ainvoke(None, self._config, context=self._context)
        else:
            await self._hef.aupdate_state(self._config, {"messages": new_messages}, as_node=LAST_NODE)

    def _fail(self, error: Exception) -> None:
        self.exit_code = self.exit_code or exit_code(error)
        message = sentence(error)
        if self._json:
            print(json_line(failed_turn_json(error) or {"error": message}), flush=True)
        Console(stderr=True, highlight=False).print(Text(printable(f"error: {message}"), style="red"), soft_wrap=True)

    @property
    def _config(self) -> Any:
        return {"configurable": {"thread_id": self._thread}}

    def _values(self) -> dict[str, Any]:
        return dict(self._runner.run(self._hef.aget_state(self._config)).values)


def _decision(answer: str) -> Command[Any]:
    """Return what resumes a turn that asked about the emotion."""
    return Command(resume=ANSWERS.get(answer.strip().lower(), answer))
