"""One conversation on the page: it runs the graph, streams, stops, says a turn again, and takes turns back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from uuid import uuid4

from langchain_core.messages import AnyMessage
from langgraph.types import Command

from ..contract import Memory
from ..graph.stored_conversation import Conversation, PendingTurn, human_message
from ..graph.thread_turns import memory_id, opening_text, removals, split_turns
from ..graph.turn_events import Event, Question, stream_turn
from ..graph.turn_task import TurnTask, with_answers
from ..memory import alist_turns
from .page_host import PausableContext
from .page_turns import (
    EmotionQuestion,
    LiveTurn,
    PageTurn,
    Understanding,
    after_event,
    after_question,
    error_sentence,
    page_turn,
    remembered_understanding,
)

if TYPE_CHECKING:
    from ..contract import HefContext
    from .page_host import PageHost

Outcome: TypeAlias = Literal["", "stopped", "failed"]


@dataclass
class PageConversation:
    """A conversation of one visitor of the page.

    Its coroutines that run a turn are generators: each item says that something changed and is to be shown again.
    """

    host: PageHost
    """Graphs and settings."""
    name: str
    """What the person calls it."""
    context: HefContext
    """Settings of the next turn."""
    is_private: bool = False
    """Whether nothing is written down."""
    character: str = ""
    """Id of who answers; empty for HEF itself."""
    listener: str = "HEF"
    """Name of who answers."""
    greeting: str = ""
    """What a character says first in a new conversation."""
    turns: list[PageTurn] = field(default_factory=list)
    """What was said, oldest first, without the running turn."""
    opening: str = ""
    """What was said before the person said anything."""
    live: LiveTurn | None = None
    """The running turn."""
    outcome: Outcome = ""
    """How the last turn ended, where it was not answered."""
    error: str = ""
    """Why the last turn failed."""
    _understood: dict[str, Understanding] = field(default_factory=dict)
    _private_thread: str = ""
    _task: TurnTask | None = None
    _turn_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _answer: asyncio.Future[object] | None = None
    _opened: datetime = field(default_factory=lambda: datetime.now().astimezone())
    _is_left: bool = False
    _has_left: bool = False
    _alone_context: PausableContext = field(default_factory=lambda: PausableContext(nullcontext))

    @property
    def thread(self) -> str:
        """Id of the conversation in the checkpointer and in the memory."""
        return self._private_thread or self.host.conversations.thread_id(self.name)

    @property
    def is_running(self) -> bool:
        """Whether a turn is running."""
        return self._turn_lock.locked()

    @property
    def question(self) -> EmotionQuestion | None:
        """What the running turn asks the person, and waits for."""
        return self.live.question if self.live else None

    def has_turn(self, key: str) -> bool:
        """Return whether a turn is shown."""
        return any(turn.key == key for turn in self.turns)

    async def is_over(self) -> bool:
        """Return whether so much time has passed since the last turn that another conversation begins."""
        last = None if self.is_running or self.is_private else await self._stored.last_time()
        # Who opens an old one goes on with it.
        return last is not None and self.host.conversations.is_over(self.name, max(last, self._opened))

    async def load(self) -> None:
        """Read from the checkpointer what was said, and from the memory what was understood then."""
        values = await self._stored.values()
        self._understood = await self._remembered(values.get("messages", []))
        self._show(values)

    def say(self, text: str) -> AsyncGenerator[None]:
        """Answer what the person says."""
        return self._run([human_message(text)])

    def regenerate(self, key: str) -> AsyncGenerator[None]:
        """Answer a turn again; what was said after it is taken back, and the memory of what is replaced goes.

        Args:
            key: Key of the turn.
        """
        return self._run(None, since=key)

    def edit(self, key: str, text: str) -> AsyncGenerator[None]:
        """Answer other words in the place of a turn; what was said after it is taken back, as in `regenerate`."""
        return self._run([human_message(text)], since=key)

    def answer(self, label: str) -> None:
        """Answer the question of the running turn, which goes on; nothing where it asks none.

        Args:
            label: The emotion that it is; blank where it is not the one that was found.
        """
        question = self.question
        is_open = self._answer is not None and not self._answer.done()  # a stop cancels it before the turn has ended
        if question and self.live and self._answer and is_open and label in ("", *question.labels):
            self._answer.set_result(question.answer(label))
            self.live = LiveTurn(self.live.turn, self.live.status)

    def stop(self) -> None:
        """Stop the running turn, also where it waits for the person."""
        if self._task:
            self._task.stop()

    def leave(self) -> None:
        """Leave the conversation to other processes, once its running turn, which is stopped, has ended."""
        self.stop()
        self._is_left = True
        if not self.is_running:
            self._leave()

    def _leave(self) -> None:
        if self._is_left and not self._has_left:
            self._has_left = True
            self.host.conversations.leave(self.name)

    async def set_private(self, is_private: bool) -> None:
        """Write nothing down from now on, or write down again.

        What is said while nothing is written down continues the conversation, and is gone from it afterwards.
        """
        if is_private == self.is_private:
            return
        self.stop()
        async with self._next():
            messages = [] if self.host.keeps_nothing else await self._stored.messages()
            if self._private_thread:
                checkpointer: Any = self.host.unkept.checkpointer
                await checkpointer.adelete_thread(self._private_thread)
            self.is_private = is_private
            self._private_thread = f"{self.host.conversations.thread_id(self.name)}/{uuid4()}" if is_private else ""
            if is_private:
                await self._stored.copy_messages(messages)
            self._show(await self._stored.values())

    async def forget(self, memory: Memory) -> Sequence[str]:
        """Erase a turn from the memory and from its conversation, which goes on without it and asks nothing.

        Returns:
            What is left of it somewhere, in sentences.
        """
        async with self._next():
            if self.is_private:
                await self._take_back(memory)
            left = await self.host.conversations.forget([memory])
            self._show(await self._stored.values())
        return left

    async def _take_back(self, memory: Memory) -> None:
        """Take a turn out of what is not written down, where it was taken over from the conversation."""
        thread = self._stored
        messages = await thread.messages()
        kept_thread = self.host.conversations.thread_id(self.name)
        removed = [
            message
            for turn in split_turns(messages)
            if memory_id(messages, turn, kept_thread) == memory.id
            for message in turn.messages
        ]
        # What a turn recalled may be what is forgotten: it does not stay in the thread.
        await thread.update({"messages": removals(removed), "memories": []})

    async def _run(self, new: Sequence[AnyMessage] | None, since: str | None = None) -> AsyncGenerator[None]:
        """Run a turn, in the place of the turns from `since` on where that is given.

        Args:
            new: What the person says; None for what they said in the turn that is replaced.
            since: Key of that turn.
        """
        async with self._next(), PausableContext(self._alone) as self._alone_context:
            self.outcome, self.error = "", ""
            thread, context = self._stored, self._settings
            turn = await thread.begin(new, context, since=since, greeting=self.greeting)
            if turn is None:
                return
            outcome: Outcome = "stopped"  # also where the visitor leaves, so that nobody asks for the next event
            run = partial(stream_turn, thread.hef, context=context, thread=self.thread, configurable=turn.configurable)
            self._task = task = TurnTask(with_answers(run, turn.messages, self._wait_for_answer))
            try:
                if since is not None:
                    self._show(await thread.values())
                # With what was not answered before.
                self.live = LiveTurn(page_turn(split_turns([*turn.kept, *turn.messages])[-1], None))
                yield
                async with aclosing(task.events()) as events:
                    async for event in events:
                        self.live = await self._after(event, self.live)
                        yield
                outcome = ""
            except asyncio.CancelledError:
                if not task.is_stopped:
                    raise
            except Exception as error:
                outcome, self.error = "failed", error_sentence(error)
            finally:
                task.stop()
                await self._alone_context.enter()
                self.outcome = await self._settle(outcome, turn)
                self.live, self._task, self._answer = None, None, None
                self._show(await thread.values())
            yield

    async def _after(self, event: Event, live: LiveTurn) -> LiveTurn:
        """Return the running turn after an event; while a person thinks, others may change what is written down."""
        if not isinstance(event, Question):
            return after_event(live, event)
        empathy = (await self._stored.values())["empathy"]
        await self._alone_context.leave()
        return after_question(live, empathy, event.labels)

    async def _wait_for_answer(self) -> Command[Any] | None:
        """Wait for the answer; return what resumes the graph, None where the conversation went on elsewhere."""
        self._answer = asyncio.get_running_loop().create_future()
        answer = await self._answer
        await self._alone_context.enter()
        return Command(resume=answer) if await self._is_asked() else None

    @asynccontextmanager
    async def _next(self) -> AsyncIterator[None]:
        """Stop a turn that waits for the person, who does something else, and return a context without a turn."""
        if self.question:
            self.stop()
        try:
            async with self._turn_lock:
                yield
        finally:
            self._leave()

    async def _is_asked(self) -> bool:
        """Return whether the graph waits for a person."""
        return await self._stored.question() is not None

    async def _settle(self, outcome: Outcome, turn: PendingTurn) -> Outcome:
        """Leave the thread complete after a turn, and return how it ended."""
        thread, context = self._stored, self._settings
        if self.question and not await self._is_asked():  # somebody else went on from there
            return ""
        if not outcome:
            await thread.end(turn, context)
        elif outcome == "failed":
            await thread.fail(turn, context)
        elif await thread.stop(turn, self.live.turn.reply if self.live else "", context):
            return ""
        return outcome

    async def _remembered(self, messages: Sequence[AnyMessage]) -> dict[str, Understanding]:
        """Return by the key of a turn what the memory holds of what was understood in it."""
        store, user = self._stored.hef.store, self._settings.user_id
        if not messages or store is None or user is None:
            return {}
        memories = {memory.id: memory for memory in await alist_turns(store, user) if memory.thread == self.thread}
        understood = {
            turn.key: remembered_understanding(memory, turn)
            for turn in split_turns(messages)
            if (memory := memories.get(memory_id(messages, turn, self.thread)))
        }
        return {key: understanding for key, understanding in understood.items() if understanding}

    def _show(self, values: Mapping[str, Any]) -> None:
        """Take what was said from the thread's state, and what was understood in its last turn."""
        messages = values.get("messages", [])
        thread_turns = split_turns(messages)
        self.opening = opening_text(messages) if messages else self.greeting
        empathy = values.get("empathy")
        if thread_turns and thread_turns[-1].reply and empathy is not None:
            recalled = {memory.id: memory for memory in values.get("memories") or []}
            self._understood[thread_turns[-1].key] = Understanding(
                empathy,
                tuple(recalled[memory_id] for memory_id in empathy.memories if memory_id in recalled),
                tuple(values.get("readings") or ()),
            )
        self.turns = [page_turn(turn, self._understood.get(turn.key)) for turn in thread_turns]
        self._understood = {turn.key: turn.understanding for turn in self.turns if turn.understanding}

    def _alone(self) -> AbstractAsyncContextManager[None]:
        """Return a context in which nobody else changes what is written down."""
        return nullcontext() if self.is_private else self.host.conversations.alone()

    @property
    def _stored(self) -> Conversation:
        graph = self.host.graph(self.character, is_private=self.is_private)
        return Conversation(graph, self.thread, self.character)

    @property
    def _settings(self) -> HefContext:
        return self.context.model_copy(update={"remember": False}) if self.is_private else self.context
