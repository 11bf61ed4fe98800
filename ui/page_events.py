"""What the page does: each button and field, and what is shown again after it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import wraps
from inspect import isasyncgenfunction
from typing import Any, TypeAlias

import gradio as gr

from ..contract import SetupError
from ..contract.dialogue import TextLanguage
from .conversation_view import history_html, live_html, status_text
from .memory_view import PAGE_LENGTH, memories_html
from .page import (
    Page,
    head_html,
    lay_out,
    period_choices,
    reply_language_choices,
    strategy_choices,
)
from .page_conversation import error_sentence
from .page_host import PageHost
from .page_words import WORDS
from .safe_html import escaped
from .timeline_view import timeline_html
from .understanding_view import understanding_html
from .visit import Visit

Updates: TypeAlias = dict[Any, Any]
"""Component -> its new value or properties."""


def create_page(host: PageHost) -> gr.Blocks:
    """Return the page, to be mounted by `page_app`."""
    context = host.context
    page = lay_out(context.strategy, context.region, context.language, keeps_nothing=host.keeps_nothing)
    with page.blocks:
        _PageEvents(page, host).connect()
    page.blocks.queue(default_concurrency_limit=None)
    return page.blocks


class _PageEvents:
    """The handlers of one page; all state is in the visit that each is given."""

    def __init__(self, page: Page, host: PageHost) -> None:
        self._page = page
        self._host = host
        self._nothing: Updates = {page.stop: gr.skip()}  # Gradio takes no empty dict

    def connect(self) -> None:
        """Connect the handlers with the components."""
        page, visit = self._page, self._page.visit
        changing = [
            *(
                page.head,
                page.conversations,
                page.new,
                page.private,
                page.history,
                page.live,
                page.private_note,
                page.message,
                page.send,
            ),
            *(page.stop, page.cancel, *page.tabs, page.understood, page.search, page.memories, page.period),
            *(page.timeline, page.strategy, page.reply_language, page.region, page.character, page.models),
            *(page.announcer, page.language),
        ]

        def on(event: Callable[..., Any], handler: Callable[..., Any], *inputs: Any, first: bool = False) -> None:
            outputs = [visit, *changing] if first else changing
            event(
                self._guarded(handler),
                inputs=[visit, *inputs],
                outputs=outputs,
                show_progress="hidden",
                api_visibility="private",
                concurrency_limit=None,
            )

        on(page.blocks.load, self.open_page, first=True)
        on(page.message.submit, self.send, page.message)
        on(page.send.click, self.send, page.message)
        on(page.stop.click, self.stop)
        on(page.cancel.click, self.cancel_edit)
        on(page.history.act, self.act_in_conversation)
        on(page.understood.act, self.act_on_memory)
        on(page.memories.act, self.act_on_memory)
        on(page.new.click, self.begin_conversation)
        on(page.conversations.input, self.open_conversation, page.conversations)
        on(page.private.input, self.set_private, page.private)
        on(page.language.input, self.set_language, page.language)
        on(page.search.submit, self.search, page.search)
        on(page.period.input, self.set_period, page.period)
        for tab in page.tabs[1:3]:
            on(tab.select, self.show_memories)
        on(page.strategy.input, self.set_strategy, page.strategy)
        on(page.reply_language.input, self.set_reply_language, page.reply_language)
        on(page.region.blur, self.set_region, page.region)
        on(page.character.input, self.set_character, page.character)

    def _guarded(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Return a handler whose failure is told on the page; one that streams a turn tells its own."""
        if isasyncgenfunction(handler):
            return handler

        @wraps(handler)
        async def guarded(visit: Visit | None, *inputs: Any) -> Updates:
            if visit is not None:
                visit.notice = ""
            try:
                return dict(await handler(visit, *inputs))
            except Exception as error:
                if visit is None:
                    raise
                visit.notice = error_sentence(error)
                return self._everything(visit)

        return guarded

    async def open_page(self, _: Visit | None, request: gr.Request) -> Updates:
        """Begin a visit, in the language that the browser asks for."""
        wanted = request.headers.get("accept-language", "") if request else ""
        language: TextLanguage = "zh" if wanted.strip().lower().startswith("zh") else "en"
        visit = await Visit.begin(self._host, language)
        return {self._page.visit: visit, **self._everything(visit)}

    async def send(self, visit: Visit, text: str) -> AsyncIterator[Updates]:
        """Answer what the person wrote, in the place of a turn where they edit one."""
        if not text.strip() or visit.conversation.is_running:
            yield self._nothing
            return
        number, visit.editing = visit.editing, None
        turn = visit.conversation.say(text) if number is None else visit.conversation.edit(number, text)
        yield {self._page.message: self._message_box(visit, value="")}
        async for updates in self._run(visit, turn):
            yield updates

    async def act_in_conversation(self, visit: Visit, event: gr.EventData) -> AsyncIterator[Updates]:
        """Show, edit or answer again a turn whose button was pressed."""
        act, number = _button(event)
        if act == "show":
            visit.show_turn(number)
            yield self._conversation(visit)
        elif visit.conversation.is_running or number >= len(visit.conversation.turns):
            yield self._nothing
        elif act == "edit":
            visit.editing = number
            turn = visit.conversation.turns[number]
            yield {self._page.message: self._message_box(visit, value=turn.text), **self._buttons(visit)}
        elif act == "regenerate":
            async for updates in self._run(visit, visit.conversation.regenerate(number)):
                yield updates

    async def _run(self, visit: Visit, turn: AsyncGenerator[None]) -> AsyncIterator[Updates]:
        """Show a turn while it runs, and all that it changed at its end."""
        page = self._page
        visit.shown = ""
        last: Updates = {}
        async with aclosing(turn):
            async for _ in turn:
                updates = self._conversation(visit)
                changed = {component: update for component, update in updates.items() if last.get(component) != update}
                yield changed or self._nothing
                last = updates
        await visit.refresh_memories()
        yield {**self._conversation(visit), **self._memory(visit), page.announcer: self._announcement(visit)}

    async def stop(self, visit: Visit) -> Updates:
        """Stop the running turn; who runs it shows its end."""
        visit.conversation.stop()
        return self._nothing

    async def cancel_edit(self, visit: Visit) -> Updates:
        """Leave a turn as it was."""
        visit.editing = None
        return {self._page.message: self._message_box(visit, value=""), **self._buttons(visit)}

    async def act_on_memory(self, visit: Visit, event: gr.EventData) -> Updates:
        """Delete, pin or hide a remembered turn whose button was pressed, or show more of them."""
        act, _ = _button(event)
        if act == "more":
            visit.memories.length += PAGE_LENGTH
        else:
            await visit.act_on_memory(act, str(event._data.get("memory", "")))
        return {**self._conversation(visit), **self._memory(visit)}

    async def show_memories(self, visit: Visit) -> Updates:
        """Read what is remembered again."""
        await visit.refresh_memories()
        return self._memory(visit)

    async def search(self, visit: Visit, query: str) -> Updates:
        """List what is remembered and similar to a text."""
        await visit.search(query)
        return self._memory(visit)

    async def set_period(self, visit: Visit, period: Any) -> Updates:
        """Show the timeline by other periods."""
        visit.period = period
        return await self.show_memories(visit)

    async def begin_conversation(self, visit: Visit) -> Updates:
        """Begin a new conversation."""
        await visit.begin_conversation(visit.character)
        return self._everything(visit)

    async def open_conversation(self, visit: Visit, name: str) -> Updates:
        """Open an earlier conversation."""
        await visit.open(name)
        return self._everything(visit)

    async def set_private(self, visit: Visit, is_private: bool) -> Updates:
        """Write nothing down, or write down again."""
        await visit.conversation.set_private(is_private or self._host.keeps_nothing)
        return self._everything(visit)

    async def set_language(self, visit: Visit, language: TextLanguage) -> Updates:
        """Show the page in another language."""
        visit.language = language
        return self._everything(visit)

    async def set_strategy(self, visit: Visit, strategy: str) -> Updates:
        """Set how the emotion is decided."""
        visit.set_strategy(strategy)
        return self._nothing

    async def set_reply_language(self, visit: Visit, language: str) -> Updates:
        """Set the language of the reply."""
        visit.set_reply_language(language)
        return self._nothing

    async def set_region(self, visit: Visit, region: str) -> Updates:
        """Set the country for numbers to call; say what is wrong with one that is none."""
        words = WORDS[visit.language]
        try:
            visit.set_region(region)
        except SetupError:
            return {self._page.region: gr.update(info=words.region_wrong.format(value=region))}
        return {self._page.region: gr.update(info=words.region_info)}

    async def set_character(self, visit: Visit, name: str) -> Updates:
        """Begin a conversation with another character."""
        await visit.begin_conversation(name)
        return self._everything(visit)

    def _everything(self, visit: Visit) -> Updates:
        """Return all that the page shows, with its labels in the language of the visit."""
        page, words = self._page, WORDS[visit.language]
        labels = (words.understood, words.memory, words.timeline, words.settings)
        context = visit.conversation.context
        characters = [(words.no_character, ""), *((each.name, key) for key, each in self._host.characters.items())]
        models = f"{words.llm.format(model=self._host.model)}<br>{words.sem.format(sem=self._host.sem)}"
        private_note = words.private_info if visit.conversation.is_private else ""
        private_note = words.private_always if self._host.keeps_nothing else private_note
        return {
            page.head: head_html(words),
            page.conversations: gr.update(
                choices=[(visit.name_label(name), name) for name in visit.names],
                value=visit.conversation.name,
                label=words.earlier,
            ),
            page.new: gr.update(value=words.new_conversation),
            page.private: gr.update(label=words.private, value=visit.conversation.is_private),
            page.private_note: f'<p class="hef-private-note">{private_note}</p>' if private_note else "",
            page.language: gr.update(label=words.language, value=visit.language),
            **{tab: gr.update(label=label) for tab, label in zip(page.tabs, labels, strict=True)},
            page.message: self._message_box(visit),
            page.search: gr.update(label=words.memory_search),
            page.period: gr.update(choices=period_choices(words), label=words.period),
            page.strategy: gr.update(choices=strategy_choices(words), label=words.strategy),
            page.reply_language: gr.update(
                choices=reply_language_choices(words, context.language), label=words.reply_language
            ),
            page.region: gr.update(label=words.region, info=words.region_info),
            page.character: gr.update(
                choices=characters, value=visit.character, label=words.character, visible=len(characters) > 1
            ),
            page.models: f'<h3>{words.models}</h3><p class="hef-note">{models}</p>',
            page.announcer: self._announcement(visit),
            **self._conversation(visit),
            **self._memory(visit),
        }

    def _conversation(self, visit: Visit) -> Updates:
        """Return the conversation, and what was understood in the turn that is shown."""
        page, conversation = self._page, visit.conversation
        turn = visit.shown_turn
        updates: Updates = {
            page.history: history_html(conversation, turn.key if turn else "", visit.language),
            page.live: live_html(conversation, visit.language),
            page.understood: _notice_html(visit) + understanding_html(turn, visit.memories, visit.language),
            **self._buttons(visit),
        }
        if conversation.live and not conversation.live.turn.reply:
            updates[page.announcer] = self._announcement(visit)
        return updates

    def _buttons(self, visit: Visit) -> Updates:
        page, words = self._page, WORDS[visit.language]
        is_running = visit.conversation.is_running
        return {
            page.send: gr.update(value=words.send, visible=not is_running),
            page.stop: gr.update(value=words.stop, visible=is_running),
            page.cancel: gr.update(value=words.cancel, visible=visit.editing is not None),
        }

    def _memory(self, visit: Visit) -> Updates:
        words = WORDS[visit.language]
        listed = memories_html(visit.memories, visit.language)
        if self._host.keeps_nothing:
            listed = f'<p class="hef-note">{words.memory_off}</p>'
        return {
            self._page.memories: _notice_html(visit) + listed,
            self._page.timeline: timeline_html(visit.periods, visit.period, visit.language),
        }

    def _message_box(self, visit: Visit, **properties: Any) -> Any:
        words = WORDS[visit.language]
        label = words.your_message if visit.editing is None else words.edited_message
        return gr.update(label=label, placeholder=words.placeholder, **properties)

    def _announcement(self, visit: Visit) -> str:
        """Return what a screen reader is told, and the names of the page's regions."""
        words, conversation = WORDS[visit.language], visit.conversation
        status = alert = ""
        if conversation.live:
            status = status_text(conversation.live, visit.language)
        elif conversation.outcome == "stopped":
            status = words.stopped
        elif conversation.outcome == "failed":
            alert = words.failed.format(error=conversation.error)
        elif conversation.turns:
            last = conversation.turns[-1]
            status = words.answered.format(name=conversation.listener, reply=last.reply)
            if last.understanding and last.understanding.empathy.safety.level == "danger":
                status, alert = "", last.reply
        return (
            f'<div class="hef-sr" role="status">{escaped(status)}</div>'
            f'<div class="hef-sr" role="alert">{escaped(alert)}</div>'
            f'<span hidden data-language="{visit.language}" data-title="{words.title}" '
            f'data-talk="{words.conversation}" data-panel="{words.panel}"></span>'
        )


def _notice_html(visit: Visit) -> str:
    return f'<p class="hef-notice" role="status">{escaped(visit.notice)}</p>' if visit.notice else ""


def _button(event: gr.EventData) -> tuple[str, int]:
    """Return what a button is for, and the number of the turn that it belongs to."""
    turn = str(event._data.get("turn", ""))
    return str(event._data.get("act", "")), int(turn) if turn.isdecimal() else 0
