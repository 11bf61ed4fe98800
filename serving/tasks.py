"""Tasks that front ends send to the address of the chat: titles, tags, summaries. No person says them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable

from ..contract import Empathy, ModelError, Safety
from ..contract.chat_model import ChatModel, ChoiceScorer, chat_models
from ..contract.dialogue import Turn
from ..contract.errors import error_text
from ..contract.sync_async import CLOSED_LOOPS, is_closed_loop
from ..nodes.calling.llm_calls import is_transient
from ..nodes.checking.danger_watch import unread
from ..safety import assess
from ..sem import Sem
from .chat_request import ChatMessage, ChatRequest
from .front_ends.attached_context import split_contexts
from .front_ends.begun_reply import are_words_apart
from .front_ends.demands import TaskKind, is_sectioned_demand, is_transcript, split_compaction
from .front_ends.expressions import best_expression
from .front_ends.task_prompts import asked_about_before, prompt_kind

TASK_HEADER = "x-hef-task"
"""Header in which a front end may name its task, as Open WebUI does in a connection's header with `{{TASK}}`."""
_NAMED: Mapping[str, TaskKind] = {
    "title_generation": "title",
    "tags_generation": "tags",
    "follow_up_generation": "follow_ups",
    "query_generation": "queries",
    "image_prompt_generation": "image_prompt",
    "emoji_generation": "emoji",
    "autocomplete_generation": "autocomplete",
    "function_calling": "tools",
    "moa_response_generation": "merge",
    "task": "other",
}
"""What that header says -> the task. Front ends add tasks, so any other word is one, too."""
_NO_TASKS = frozenset({"", "none", "null", "undefined", "false", "default", "chat", "conversation"})
"""What stands there where it is none, beside a template that was not filled in."""
_SHOWN: frozenset[TaskKind] = frozenset({"merge", "prompted"})
"""Tasks whose answer the person reads as a reply: in danger they get HEF's, not the LLM's alone."""


_CONTINUE = ChatMessage("system", "Go on with your last message from where it ends. Repeat none of it, begin no other.")
_UNSEEN = ChatMessage(
    "system",
    "The person sent something without words, such as a picture or a recording. You can neither see nor hear it. Say "
    "so kindly in one or two sentences, and ask them to tell you in words what it is. Do not guess what it shows.",
)
_STAND_IN = "(a picture or a recording, which you cannot see or hear)"


@dataclass(frozen=True, slots=True)
class Task:
    """A request that no person made."""

    kind: TaskKind
    """What is asked for; `prompted` where the host asks for words though the person said nothing, `json` where only the
    form of the answer says that a program reads it."""
    is_read: bool = False
    """Whether the person reads the answer as a reply, so that danger is looked for as in one."""


def recognize_task(request: ChatRequest, headers: Mapping[str, str]) -> Task | None:
    """Return the task that a request is, None where a person speaks.

    Args:
        request: What the client sent.
        headers: Its headers; names are lower-case, or the mapping ignores case.
    """
    named = named_task(headers)
    formed = prompt_kind(request.messages)
    kind = named or formed or ("json" if request.response_format else None)
    # A header may be set for all requests by mistake: only a prompt of a front end's form quotes what was said before.
    is_known = formed is not None and prompt_kind(request.messages, guess=False) is not None
    # A compaction is about the messages before it: a transcript among them is not what it quotes.
    is_about_before = bool(request.messages) and split_compaction(request.messages[-1].text) is not None
    is_quoted = is_known or (not is_about_before and any(is_transcript(message.text) for message in request.messages))
    is_read = bool({kind, formed} & _SHOWN)
    if kind is None or ((is_read or not is_quoted) and _is_in_danger(request.messages)):
        return None
    return Task(kind, is_read)


def named_task(headers: Mapping[str, str]) -> TaskKind | None:
    """Return the task that the header names, None where it names none."""
    name = headers.get(TASK_HEADER, "").strip().lower()
    return None if name in _NO_TASKS or "{{" in name else _NAMED.get(name, "other")


def _is_in_danger(messages: Sequence[ChatMessage]) -> bool:
    """Return whether the person's last words say that somebody is in danger, as they came or without a host's."""
    messages = _without_compactions(messages)
    as_sent, own = _until_last_words(messages), last_words(messages)
    dialogues = [as_sent] if own == as_sent else [as_sent, own]
    if as_sent and is_sectioned_demand(as_sent[-1].text):
        # A form with headings answers nothing that was said before: it is read by itself, and what nobody answered.
        unanswered = as_sent[:-1] if as_sent[-2:-1] and as_sent[-2].role == "speaker" else []
        dialogues = [as_sent[-1:], unanswered]
    return any(assess(turns).level == "danger" for turns in dialogues if turns)


def _without_compactions(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return the messages without prompts for a compaction; what stands before one in its message is kept."""
    kept: list[ChatMessage] = []
    for message in messages:
        compaction = split_compaction(message.text)
        if compaction is None:
            kept.append(message)
        elif compaction[0]:
            kept.append(replace(message, text=compaction[0]))
    return kept


def last_words(messages: Sequence[ChatMessage]) -> list[Turn]:
    """Return the dialogue up to the person's last words; empty where they said nothing."""
    return _until_last_words(split_contexts(messages))


def _until_last_words(messages: Sequence[ChatMessage]) -> list[Turn]:
    talk = [message for message in messages if message.role != "system"]
    while talk and talk[-1].role != "user":
        talk.pop()
    return [Turn("speaker" if message.role == "user" else "listener", message.text) for message in talk]


async def answer_task(task: Task, request: ChatRequest, *, model: ChatModel, sem: Sem) -> AsyncIterator[str]:
    """Yield the answer in pieces: by the LLM without HEF's prompt, of an expression by the SEM.

    Nothing is read, recalled or remembered.

    Raises:
        ModelError: The LLM failed.
    """
    if task.kind == "expression" and (label := await _expression(request.messages, sem)):
        yield label
        return
    settings, form = dict(request.model_settings), request.response_format
    asks = [(request.messages, settings)]
    if form:
        in_words = ((_form_in_words(form), *request.messages), settings)
        is_local = any(isinstance(one, ChoiceScorer) for one in chat_models(model))
        asks = [in_words] if is_local else [(request.messages, {**settings, "response_format": form}), in_words]
    has_failed = False
    while asks:
        messages, given = asks[0]
        has_begun = False
        try:
            async for text in _pieces(model.bind(**given) if given else model, messages):
                has_begun = True
                yield text
            return
        except ModelError:
            raise
        except Exception as error:
            if not has_begun and form and not has_failed and is_transient(error):
                has_failed = True  # a connection that broke says nothing of the setting
            elif not has_begun and len(asks) > 1:
                del asks[0]  # an LLM that does not know the setting is told in words
            else:
                raise ModelError(f"the LLM did not do the task {task.kind}: {error_text(error)}") from None


async def _pieces(model: Runnable[Any, Any], messages: Sequence[ChatMessage]) -> AsyncIterator[str]:
    """Yield the text of an answer; it is asked for again where a connection of a closed event loop was in the way."""
    for closed_loops in range(CLOSED_LOOPS + 1):
        has_begun = False
        try:
            async for chunk in model.astream(_prompt(messages)):
                if text := str(chunk.text):
                    has_begun = True
                    yield text
            return
        except Exception as error:
            if has_begun or closed_loops == CLOSED_LOOPS or not is_closed_loop(error):
                raise


def _form_in_words(form: Mapping[str, Any]) -> ChatMessage:
    """Return what an LLM in this process is told of the form of its answer, which nothing holds it to."""
    described = form.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    return ChatMessage(
        "system", f"Answer with JSON alone{f', of this schema: {json.dumps(schema)}' if schema else ''}."
    )


async def continue_reply(request: ChatRequest, *, model: ChatModel, sem: Sem) -> AsyncIterator[str]:
    """Yield what follows the reply at the end of a request, in pieces, which the client appends to it.

    The memory holds the longer reply as soon as the client shows it in its next request.

    Raises:
        ModelError: The LLM failed.
    """
    asked = replace(request, messages=(*request.messages, _CONTINUE))
    is_first, before = True, request.messages[-1].text
    async for piece in answer_task(Task("prompted"), asked, model=model, sem=sem):
        if is_first and are_words_apart(before, piece):
            yield " "
        is_first = False
        yield piece


def is_wordless(messages: Sequence[ChatMessage]) -> bool:
    """Return whether the person sent something else than words, such as a picture, and has said nothing yet."""
    talk = [message for message in messages if message.role != "system"]
    own = [message for message in talk if message.role == "user"]
    is_last = bool(own) and talk[-1] is own[-1]
    return is_last and any(one.images for one in own) and not any(one.text.strip() for one in own)


async def answer_unseen(request: ChatRequest, *, model: ChatModel, sem: Sem) -> AsyncIterator[str]:
    """Yield a reply to somebody who sent something that nobody sees: the LLM is told so, and asks for words.

    Raises:
        ModelError: The LLM failed.
    """
    shown = [replace(one, text=_STAND_IN) if one.images and not one.text.strip() else one for one in request.messages]
    asked = replace(request, messages=(_UNSEEN, *shown))
    async for piece in answer_task(Task("prompted"), asked, model=model, sem=sem):
        yield piece


def nothing_seen(labels: Sequence[str]) -> Empathy:
    """Return what is understood of somebody who sent something that nobody sees."""
    fault = "what the person sent has no words, and was not seen: the LLM alone replied, and nothing is remembered"
    return unread(Safety(), labels).model_copy(update={"degraded": fault})


async def _expression(messages: Sequence[ChatMessage], sem: Sem) -> str | None:
    """Return which of the labels in a prompt fits the message that it is about; None where the SEM knows none."""
    *before, last = messages
    asks = asked_about_before(last.text) == "expression"
    prompt, texts = (last, before) if asks else (messages[0], messages[1:])
    text = next((message.text for message in reversed(texts) if message.role != "system" and message.text.strip()), "")
    return await asyncio.to_thread(best_expression, sem, text, prompt.text)


def _prompt(messages: Sequence[ChatMessage]) -> list[BaseMessage]:
    """Return the messages in the order that every chat template takes: the system's first, then in turns.

    What a host says later on stands as the person's: many templates refuse a system message there.
    """
    head = next((index for index, message in enumerate(messages) if message.role != "system"), 0)
    merged: list[tuple[type[BaseMessage], list[str]]] = []
    kinds: Mapping[str, type[BaseMessage]] = {"user": HumanMessage, "assistant": AIMessage, "system": HumanMessage}
    for index, message in enumerate(messages):
        kind = SystemMessage if index < head else kinds[message.role]
        if merged and merged[-1][0] is kind:
            merged[-1][1].append(message.text)
        else:
            merged.append((kind, [message.text]))
    return [kind(content="\n\n".join(texts)) for kind, texts in merged]
