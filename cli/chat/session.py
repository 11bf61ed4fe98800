"""A conversation in a terminal: turns are run and shown, stopped, and said anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, TypeVar

from langchain_core.messages import AnyMessage
from langgraph.types import Command
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from ...characters import Character
from ...contract import HefContext
from ...contract.dialogue import TextLanguage, Turn, turn_language
from ...contract.state import split_long
from ...graph.stored_conversation import LAST, Conversation, PendingTurn, human_message
from ...graph.thread_turns import split_turns
from ...graph.turn_events import EmotionDecided, Question, Replied, stream_turn
from ...nodes import to_dialogue
from ...safety import assess
from ..error_messages import exit_code, sentence
from ..render import FAINT, field, json_line, name_markup, print_degraded, printable, summary
from ..settings import Settings
from . import conversation_list
from .chat_settings import varied
from .chat_words import WORDS, ChatWords
from .display import TurnDisplay, gutter_label
from .open_conversation import OpenConversation
from .reply_command import failed_turn_json, turn_json
from .typed_lines import yes_or_no

_T = TypeVar("_T")

_DECISIONS: dict[bool | None, str | None] = {True: "approve", False: "reject", None: None}
"""What yes and no to the question about the emotion stand for."""


class ChatSession:
    """What one `hef chat` does, in one conversation after another.

    Args:
        settings: LLM and SEM, and the folder where conversations are kept.
        context: The settings of each turn, without a character.
        find_sem: From the id of a character to the SEM that reads what is said to it; None for that of the settings.
        own_model: The LLM of turns with a character that states none, and of those without one.
        stated: Settings of turns that come before those of a character.
        thread: Name of the conversation; None for that of today.
        character: Whom the person talks with; None for that of the conversation.
        private: Write nothing to the disk: the conversation ends with the session.
        as_json: Print one JSON object per turn and nothing else.
    """

    def __init__(
        self,
        settings: Settings,
        context: HefContext,
        *,
        own_model: str | None = None,
        find_sem: Callable[[str | None], str | None] = lambda character: None,
        stated: Mapping[str, Any] | None = None,
        thread: str | None = None,
        character: Character | None = None,
        private: bool = False,
        as_json: bool = False,
    ) -> None:
        self.settings = settings
        self.context = context
        self.character = character
        self.language: TextLanguage = turn_language(context.language, [])
        """Language of what the chat itself says."""
        self.offered = ""
        """Text that the next prompt offers for editing."""
        self.exit_code = 0
        """Of the command: 0, or that of the first turn that could not be answered."""
        self.interrupted = False
        """Whether Ctrl-C was the last thing the person did."""
        self.is_json = as_json
        self.console = Console(highlight=False, quiet=as_json)
        self._own_model, self._stated = own_model, dict(stated or {})
        self._thread, self._starts_private = thread, private
        self._runner, self._resources = asyncio.Runner(), ExitStack()
        self.open = OpenConversation(settings, self._runner, find_sem)
        self._question: Question | None = None
        self._entered: Conversation | None = None
        self._last_turn: datetime | None = None
        self._greeting = ""
        self._is_long = False

    def __enter__(self) -> ChatSession:
        with ExitStack() as resources:
            resources.callback(self._runner.close)
            resources.callback(self.open.close)
            if self._starts_private:
                self.open.begin_private([], self.character_id)
            elif self._thread is None:
                self.open.open_of_today(self.character_id)
            else:
                self.open.open(self._thread, self.character_id)
            self.enter_conversation()
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._resources:
            self._leave_conversation()

    @property
    def words(self) -> ChatWords:
        """Return what the chat says, in the person's language."""
        return WORDS[self.language]

    @property
    def speaker(self) -> str:
        """Return who replies, as the person sees it."""
        return self.character.name if self.character else "hef"

    @property
    def conversation(self) -> Conversation:
        """Return the conversation that is spoken in."""
        return self.open.current

    @property
    def character_id(self) -> str | None:
        """Return the id of the character that the person talks with, None for none."""
        return self.character.id if self.character else None

    @property
    def turn_context(self) -> HefContext:
        """Return the settings of a turn."""
        user = None if self.open.is_private else self.settings.person
        context = self.context.model_copy(update={"user_id": user, "remember": user is not None})
        if self.character:
            own = {**self._stated, "model_settings": {**self.character.model_settings, **context.model_settings}}
            context = self.character.context(context).model_copy(update=own)
        # What the graph was built with is not named again.
        if context.model is None and self._own_model != self.settings.model:
            return context.model_copy(update={"model": self._own_model or "embedded"})
        return context.model_copy(update={"model": None}) if context.model == self.settings.model else context

    def state(self, setting: str, *, is_default: bool) -> None:
        """Let a setting of `context` come before that of a character, or no longer, where it is the default."""
        if is_default:
            self._stated.pop(setting, None)
        elif setting in HefContext.model_fields:
            self._stated[setting] = getattr(self.context, setting)

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run work of the conversation to its end."""
        return self._runner.run(work)

    def enter_conversation(self) -> None:
        """Take over where the conversation ended, and leave the one before."""
        self._leave_conversation()
        self._entered = self.conversation
        messages = self.run(self.conversation.messages())
        self._question = self.run(self.conversation.question()) if self.context.confirm_emotion else None
        self._last_turn = conversation_list.local_now() if messages else None  # who opens an old one goes on with it
        self._is_long = False
        self._greeting = "" if messages or not self.character else self.character.greeting
        if utterances := [one for one in messages if one.type == "human"]:
            self.language = turn_language(self.context.language, to_dialogue(utterances))

    def greet(self) -> None:
        """Print whose conversation it is, how a resumed one ended, and what the character says first."""
        messages = self.run(self.conversation.messages())
        turns = sum(one.type == "human" for one in messages)
        name = "" if self.open.is_private else f" [bold]{name_markup(self.open.name)}[/]"
        names = {"name": name, "person": f"[bold]{name_markup(self.settings.person)}[/]"}
        self.console.print()
        if not turns:
            unused = "; ".join(self.character.left_out) if self.character else ""
            about = f" {self.words.unused.format(what=name_markup(unused))}" if unused else ""
            self.note(f"{self.words.new.format(**names)}{about}")
        else:
            self.note(self.words.resumed.format(turns=self.words.count_turns(turns), **names))
            for message in messages[-2:]:
                self.say(self.words.you if message.type == "human" else self.speaker, message.text, style=FAINT)
            self.console.print()
        if self._greeting:
            self.say(self.speaker, self._greeting)
            self.console.print()
        if self._question:
            self._ask(self._question)

    def answer(self, message: str) -> None:
        """Reply to a message, or take it as the answer to a question; Ctrl-C stops the reply, not the conversation.

        What tells of danger is a message, whatever was asked.
        """
        self._leave_after_pause()
        answer = _DECISIONS[yes_or_no(message)]
        is_answer = answer is not None or assess([Turn("speaker", message)]).level != "danger"
        if self._question and is_answer and self.run(self.conversation.question()):
            return self._answer_turn(command=Command(resume=answer or message))
        utterances = [human_message(message)]
        if any(map(str.isalpha, message)):
            self.language = turn_language(self.context.language, to_dialogue(utterances))
        self._answer_turn(utterances)

    def retry(self) -> None:
        """Reply to the last message once more."""
        self._answer_turn(since=LAST, context=varied(self.turn_context, self.settings.model))

    def edit(self, text: str) -> None:
        """Reply to another text instead of the last message, which is forgotten."""
        self._answer_turn([human_message(text)], since=LAST)

    def last_message(self) -> str:
        """Return what the person said last, empty where nothing was said."""
        turns = split_turns(self.run(self.conversation.messages()))
        return turns[-1].text if turns else ""

    def note(self, markup: str) -> None:
        """Print a remark, as Rich markup, that is not part of the conversation."""
        self.show(Text.from_markup(markup, style=FAINT))

    def show(self, content: RenderableType) -> None:
        """Print something else than what is said."""
        self.console.print(Padding(content, (0, 0, 0, 2)))

    def say(self, who: str, text: str, style: str = "") -> None:
        """Print what somebody said."""
        field(self.console, gutter_label(who), Text(printable(text), style=style))

    def _leave_conversation(self) -> None:
        """Put back what an unanswered question was to replace."""
        if self._entered is not None:
            self.run(self._entered.leave(self.turn_context))

    def _leave_after_pause(self) -> None:
        """Begin another conversation where the last turn is hours ago, unless the person named this one."""
        if self._last_turn is None or self.open.is_private or not conversation_list.names_day(self.open.name):
            return
        if conversation_list.is_over(self._last_turn, conversation_list.local_now()):
            self.open.open_new(self.conversation.character)
            self.enter_conversation()
            self.note(self.words.after_pause.format(name=name_markup(self.open.name)))

    def _answer_turn(
        self,
        new: Sequence[AnyMessage] | None = None,
        since: str | None = None,
        command: Command[Any] | None = None,
        context: HefContext | None = None,
    ) -> None:
        """Run a turn (see `Conversation.begin`), or by a command the one that waits for an answer, and show it.

        An error, or Ctrl-C, ends the turn and not the conversation.
        """
        context = context or self.turn_context
        display = TurnDisplay(name=self.speaker, quiet=self.is_json, language=self.language)
        try:
            with self.open.alone(lambda: self.note(self.words.waiting)):
                turn = self.run(self._begin(new, since, context, is_waiting=command is not None))
                if turn is None:
                    return self.note(self.words.no_message)
                try:
                    with display:
                        result = self.run(self._run_turn(turn, command, context, display))
                except KeyboardInterrupt:
                    self._stop(turn, display.reply, context)
                except Exception:
                    self.run(self.conversation.fail(turn, context))
                    raise
                else:
                    self._end_turn(turn, result, context)
        except KeyboardInterrupt:  # nothing had begun: another process was waited for
            self.interrupted = True
            self.note(self.words.leave)
        except Exception as error:
            self._fail(error)
        self._last_turn = conversation_list.local_now()

    async def _begin(
        self, new: Sequence[AnyMessage] | None, since: str | None, context: HefContext, *, is_waiting: bool
    ) -> PendingTurn | None:
        if is_waiting:
            return await self.conversation.waiting_turn()
        greeting, self._greeting = self._greeting, ""
        return await self.conversation.begin(new, context, since=since, greeting=greeting)

    async def _run_turn(
        self, turn: PendingTurn, command: Command[Any] | None, context: HefContext, display: TurnDisplay
    ) -> Replied | Question:
        conversation, turn_input = self.conversation, command or turn.messages
        async for event in stream_turn(conversation.hef, turn_input, context, conversation.thread, turn.configurable):
            if isinstance(event, EmotionDecided):
                display.annotate(summary(event.empathy, self.language, event.memories, display.columns))
            display.show(event)
        return display.question or display.result

    def _end_turn(self, turn: PendingTurn, result: Replied | Question, context: HefContext) -> None:
        self._question = result if isinstance(result, Question) else None
        if isinstance(result, Question):
            return self._ask(result)
        self.run(self.conversation.end(turn, context))
        faults, is_long = split_long(result.empathy.degraded)
        if is_long and not self._is_long:
            faults, self._is_long = "; ".join(filter(None, [faults, self.words.long])), True
        print_degraded(self.console, result.empathy.model_copy(update={"degraded": faults}), self.language)
        if self.is_json:
            print(turn_json(result), flush=True)
        self.console.print()

    def _stop(self, turn: PendingTurn, reply: str, context: HefContext) -> None:
        """Keep what the person said in a turn that was stopped, and what was shown of the reply, marked."""
        self.interrupted, self._question = True, None
        stands = self.run(self.conversation.stop(turn, reply, context))
        self.note(self.words.stopped if stands else self.words.stopped_before)
        self.console.print()

    def _fail(self, error: Exception) -> None:
        self.exit_code = self.exit_code or exit_code(error)
        message = sentence(error)
        if self.is_json:
            print(json_line(failed_turn_json(error) or {"error": message}), flush=True)
        Console(stderr=True, highlight=False).print(Text(printable(f"error: {message}"), style="red"), soft_wrap=True)
        self.console.print()

    def _ask(self, question: Question) -> None:
        """Show a question; the next message answers it."""
        if self.is_json:
            print(json_line(question.request), flush=True)
        self.show(Text(printable(question.text)))
        self.note(self.words.which_emotion)
