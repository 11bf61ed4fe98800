"""`POST /v1/chat/completions`: from the request to the reply, whole or streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ..characters import Character
from ..contract import Empathy, HefContext
from ..contract.chat_model import ChatModel
from ..nodes.calling.llm_calls import ASYNC
from ..nodes.checking.check_calls import Assess, judge
from ..safety import assess
from ..sem import Sem
from .api_errors import ApiError, reported_error
from .background_run import BackgroundRun
from .chat_chunks import Completion, Delta, ReplyEnd, ReplyEvent, to_json
from .chat_conversations import Conversations, TurnPlan
from .chat_request import ChatMessage, ChatRequest, parse_request, read_days
from .front_ends.attached_context import split_contexts
from .front_ends.begun_reply import following
from .front_ends.emotion_tags import EmotionTags
from .front_ends.trusted_headers import shows_whole_chats
from .front_ends.turn_markers import without_marker
from .identity import NOBODY, Identities, Identity
from .request_body import read_json
from .server_metrics import Metrics
from .server_settings import ServerSettings
from .tasks import (
    Task,
    answer_task,
    answer_unseen,
    continue_reply,
    is_wordless,
    last_words,
    named_task,
    nothing_seen,
    recognize_task,
)
from .threads.turn_table import TurnRow
from .turn_run import TurnRun

MODEL = "hef"
"""Id of the model that is no character."""
_RETRIES = "x-stainless-retry-count"
"""Header in which OpenAI's clients count how often they sent a request before."""
IGNORED = "x-hef-ignored"
"""Header that lists what a request asked for in vain."""


@dataclass(frozen=True, slots=True)
class ChatCompletions:
    """Answers requests with a graph."""

    graph: CompiledStateGraph[Any, Any, Any, Any]
    """HEF, compiled with its store."""
    character_graphs: Mapping[str, CompiledStateGraph[Any, Any, Any, Any]]
    """The same for characters with a SEM of their own, by their ids."""
    settings: ServerSettings
    """How the server answers."""
    identities: Identities
    """Says who asks."""
    conversations: Conversations
    """Says which conversation is continued."""
    model: ChatModel
    """Answers tasks of front ends."""
    sem: Sem
    """Answers tasks that ask for an expression."""
    characters: Mapping[str, Character]
    """Characters by their ids."""
    metrics: Metrics
    """Counts replies."""
    check: Assess | None = assess
    """Looks for danger where words of the LLM alone would be read as a reply; None looks for none."""
    tags: EmotionTags = field(init=False)
    """What replies begin with."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", EmotionTags(self.settings.emotion_tags))

    async def answer(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            ApiError: It is not answered; see `reported_error` for what other errors become.
        """
        self.identities.identify(request.headers, None)  # whoever may not ask sends no body
        chat = parse_request(await read_json(request, self.settings.max_body))
        chat = replace(chat, remember_for=read_days(request.headers))
        identity = self.identities.identify(request.headers, chat.user)
        if identity.person is None:
            self.identities.warn_of_nobody(request.headers)
        self.check_model(chat.model)
        task = recognize_task(chat, request.headers)
        if task and task.is_read and await self._is_danger(chat):
            task = None
        if task is None and (chat.response_format or named_task(request.headers)):
            identity = NOBODY  # a task with words of danger: HEF answers, and no conversation has said them
        receipt = Receipt(is_retry=request.headers.get(_RETRIES, "0") != "0")
        is_whole = shows_whole_chats(request.headers)
        events = self._task_events(task, chat) if task else self._turn_events(chat, identity, receipt, is_whole)
        run = BackgroundRun(self.metrics.measure(task.kind if task else "turn", events))
        completion = Completion(chat.model or MODEL, sum(len(message.text) for message in chat.messages))
        try:
            if chat.stream:
                response = await _streamed(run, completion, chat, request, self.settings, receipt)
            else:
                response = await _whole(run, completion, request, receipt)
        except BaseException:
            run.stop()
            raise
        ignored = [name for name in chat.ignored if not (task and name == "response_format")]
        if ignored:
            response.headers[IGNORED] = ", ".join(ignored)
        return response

    def check_model(self, name: str) -> None:
        """Check that there is a model.

        Raises:
            ApiError: There is none of this id.
        """
        if name not in ("", MODEL, *self.characters):
            known = ", ".join([MODEL, *self.characters])
            raise ApiError(404, f"there is no model {name[:60]!r}; there are {known}", "model_not_found", "model")

    async def _turn_events(
        self, chat: ChatRequest, identity: Identity, receipt: Receipt, is_whole: bool
    ) -> AsyncIterator[ReplyEvent]:
        """Answer the person's last turn in its conversation, which nobody else continues meanwhile."""
        context = self._context(chat, identity)
        asked: dict[str, Any] = {
            "person": context.user_id,
            "character": chat.model if chat.model in self.characters else None,
            "chat_id": identity.chat_id,
            "messages": [message for one in split_contexts(chat.messages) if (message := self._as_said(one))],
        }
        if chat.messages and chat.messages[-1].role == "assistant":
            row = await self.conversations.find_continued(**asked)
            if (row or is_whole) and not await self._is_danger(chat):
                async for event in self._continued(chat, row):
                    yield event
                return
        if is_wordless(asked["messages"]):
            pieces = answer_unseen(self._as_character(chat), model=self.model, sem=self.sem)
            async for event in self._pieces(pieces, nothing_seen(self.sem.description.taxonomy.labels)):
                yield event
            return
        plan = await self.conversations.open(**asked, retried=receipt.is_retry, is_whole=is_whole)
        async with plan:
            receipt.plan = plan
            if plan.answered is not None:
                yield Delta(plan.answered.text)
                yield plan.answered
                return
            graph = self.character_graphs.get(chat.model, self.graph)
            run = TurnRun(graph, plan, context, self.tags)
            async for event in following(run.events(), plan.begun) if plan.begun else run.events():
                if isinstance(event, ReplyEnd):
                    event = await plan.finish(event)
                yield event

    def _as_said(self, message: ChatMessage) -> ChatMessage | None:
        """Return a message of a transcript without tag and marker before a reply; None where there is no reply then."""
        if message.role != "assistant":
            return message
        text = without_marker(self.tags.untagged(message.text))
        return replace(message, text=text) if text or not message.text else None

    async def _task_events(self, task: Task, chat: ChatRequest) -> AsyncIterator[ReplyEvent]:
        """Answer what a front end asks for itself; words that the person reads are the character's."""
        chat = self._as_character(chat) if task.kind == "prompted" else chat
        async for event in self._pieces(answer_task(task, chat, model=self.model, sem=self.sem)):
            yield event

    async def _continued(self, chat: ChatRequest, row: TurnRow | None) -> AsyncIterator[ReplyEvent]:
        """Go on with the reply at the end of a transcript, which belongs to a turn that may be known."""
        shown = self.tags.untagged(chat.messages[-1].text)
        pieces = continue_reply(self._as_character(chat), model=self.model, sem=self.sem)
        try:
            async for event in self._pieces(pieces):
                shown += event.text if isinstance(event, Delta) else ""
                if row and isinstance(event, ReplyEnd):
                    await self.conversations.add_reply(row, shown)
                yield event
        except asyncio.CancelledError:
            if row:  # the client shows as much as it got
                await self.conversations.add_reply(row, shown)
            raise

    async def _is_danger(self, chat: ChatRequest) -> bool:
        """Return whether the graph's check finds danger in the person's last words."""
        turns = last_words(chat.messages)
        return bool(turns) and (await judge(self.check, turns, ASYNC))[0].level == "danger"

    async def _pieces(self, pieces: AsyncIterator[str], empathy: Empathy | None = None) -> AsyncIterator[ReplyEvent]:
        """Yield an answer of the LLM alone, then its end."""
        text = ""
        async for piece in pieces:
            text += piece
            yield Delta(piece)
        yield ReplyEnd(text, empathy=empathy)

    def _as_character(self, chat: ChatRequest) -> ChatRequest:
        """Return a request whose LLM is told which character it is, where the request names one."""
        if (character := self.characters.get(chat.model)) is None:
            return chat
        return replace(chat, messages=(ChatMessage("system", character.instructions), *chat.messages))

    def _context(self, chat: ChatRequest, identity: Identity) -> HefContext:
        """Return the settings of a turn: the server's, then the character's, then the request's."""
        context = self.settings.context
        if chat.model in self.characters:
            context = self.characters[chat.model].context(context)
        changes = {
            "user_id": identity.person,
            "remember": context.remember and identity.person is not None,
            "remember_for": context.remember_for if chat.remember_for is None else chat.remember_for,
            "model_settings": {**context.model_settings, **chat.model_settings},
        }
        return context.model_copy(update=changes)


@dataclass(slots=True)
class Receipt:
    """What is known of how a reply reaches its client."""

    is_retry: bool
    """Whether the client says that it sends the request again because no answer came."""
    plan: TurnPlan | None = None
    """The turn, once it is known."""

    async def confirm(self) -> None:
        """Note that the client was still there when all was sent: the same request, later, wants another reply."""
        if self.plan is not None:
            await self.plan.delivered()


async def _whole(
    run: BackgroundRun[ReplyEvent], completion: Completion, request: Request, receipt: Receipt
) -> Response:
    end = await _unless_hung_up(request, _last(run))
    confirm = BackgroundTask(receipt.confirm)
    return Response(to_json(completion.whole(end)), media_type="application/json", background=confirm)


async def _last(run: BackgroundRun[ReplyEvent]) -> ReplyEnd:
    end: ReplyEnd | None = None
    async for event in run:
        end = event if isinstance(event, ReplyEnd) else end
    if end is None:
        raise RuntimeError("the turn ended without a reply")
    return end


async def _streamed(
    run: BackgroundRun[ReplyEvent],
    completion: Completion,
    chat: ChatRequest,
    request: Request,
    settings: ServerSettings,
    receipt: Receipt,
) -> Response:
    """Return the stream once something is there to be sent, so that what fails before it is told by a status."""
    await _unless_hung_up(request, run.wait(settings.keep_alive))
    return EventSourceResponse(
        _chunks(run, completion, chat, receipt),
        sep="\n",
        ping=settings.keep_alive,
        ping_message_factory=lambda: ServerSentEvent(comment="keep-alive", sep="\n"),
        shutdown_grace_period=settings.shutdown_seconds,
    )


async def _chunks(
    run: BackgroundRun[ReplyEvent], completion: Completion, chat: ChatRequest, receipt: Receipt
) -> AsyncIterator[dict[str, str]]:
    """Yield the events of a stream; closing it, as where the client hangs up, ends the turn."""
    try:
        yield _event(completion.first_chunk())
        async for event in run:
            if isinstance(event, Delta):
                yield _event(completion.content_chunk(event.text))
                continue
            yield _event(completion.last_chunk(event))
            if chat.include_usage:
                yield _event(completion.usage_chunk(event))
            await receipt.confirm()
    except Exception as error:
        yield _event(reported_error(error).envelope)
    finally:
        run.stop()
    yield {"data": "[DONE]"}


def _event(value: object) -> dict[str, str]:
    return {"data": to_json(value)}


async def _unless_hung_up(request: Request, work: Any) -> Any:
    """Return the result of some work, which is given up where the client hangs up.

    Raises:
        ClientDisconnect: It did.
    """
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(_hang_up(request))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            raise ClientDisconnect
        return tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
