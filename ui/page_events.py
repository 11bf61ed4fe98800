"""What the page does: each button and field, and what is shown again after it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import wraps
from inspect import isasyncgenfunction
from typing import Any

import gradio as gr

from ..contract import SetupError
from ..contract.dialogue import TextLanguage
from .kept_choices import KeptChoices
from .page import Page, lay_out
from .page_host import PageHost
from .page_turns import error_sentence
from .page_view import PageView, Updates
from .page_words import WORDS
from .views.memory_view import PAGE_LENGTH
from .visit import Visit


def create_page(host: PageHost) -> gr.Blocks:
    """Return the page, to be mounted by `page_app`."""
    page = lay_out(host.context, keeps_nothing=host.keeps_nothing)
    with page.blocks:
        _PageEvents(page, host).connect()
    page.blocks.queue(default_concurrency_limit=None)
    return page.blocks


class _PageEvents:
    """The handlers of one page; all state is in the visit that each is given."""

    def __init__(self, page: Page, host: PageHost) -> None:
        self._page = page
        self._host = host
        self._view = PageView(page, host)
        self._visits: dict[str, Visit] = {}
        """By Gradio's id of a tab who visits in it."""

    def connect(self) -> None:
        """Connect the handlers with the components."""
        page, visit = self._page, self._page.visit
        changing = page.changing

        def on(event: Callable[..., Any], handler: Callable[..., Any], *inputs: Any, first: bool = False) -> None:
            event(
                handler if first else self._guarded(handler),
                inputs=[visit, *inputs],
                outputs=[visit, *changing] if first else changing,
                show_progress="hidden",
                api_visibility="private",
                concurrency_limit=None,
                trigger_mode="multiple",  # what is pressed as an earlier press ends counts
            )

        on(page.blocks.load, self.open_page, page.kept_choices, page.kept_private, first=True)
        page.blocks.unload(self.close_page)
        on(page.message.submit, self.send, page.message)
        on(page.send.click, self.send, page.message)
        on(page.stop.click, self.stop)
        on(page.cancel.click, self.cancel_edit)
        on(page.history.act, self.act_in_conversation)
        on(page.live.act, self.answer_question)
        on(page.understood.act, self.act_on_memory)
        on(page.memories.act, self.act_on_memory)
        on(page.new.click, self.begin_conversation)
        on(page.conversations.input, self.open_conversation, page.conversations)
        on(page.private.input, self.set_private, page.private)
        on(page.language.input, self.set_language, page.language)
        on(page.search.submit, self.search, page.search)
        on(page.period.input, self.set_period, page.period)
        understood, *of_memory, settings = page.tabs
        for tab in of_memory:
            on(tab.select, self.show_memories)
        for tab in (understood, settings):
            on(tab.select, self.leave_memories)
        on(page.strategy.input, self.set_strategy, page.strategy)
        on(page.reply_language.input, self.set_reply_language, page.reply_language)
        on(page.region.blur, self.set_region, page.region)
        on(page.retention.input, self.set_retention, page.retention)
        on(page.character.input, self.set_character, page.character)

    def _guarded(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Return a handler that tells on the page why it failed, or that there is no visit.

        There is none until the page has loaded, and on a page that is still open when the server was started again.
        """

        @wraps(handler)
        async def guarded(visit: Visit | None, *inputs: Any) -> Updates:
            if visit is None:
                return self._view.not_ready()
            visit.notice = ""
            try:
                return dict(await handler(visit, *inputs))
            except Exception as error:
                return self._told(visit, error)

        @wraps(handler)
        async def guarded_stream(visit: Visit | None, *inputs: Any) -> AsyncGenerator[Updates]:
            if visit is None:
                yield self._view.not_ready()
                return
            try:
                async with aclosing(handler(visit, *inputs)) as run:
                    async for updates in run:
                        yield updates
            except Exception as error:
                yield self._told(visit, error)

        return guarded_stream if isasyncgenfunction(handler) else guarded

    def _told(self, visit: Visit, error: Exception) -> Updates:
        visit.notice = error_sentence(error)
        return self._view.everything(visit)

    async def open_page(
        self, _: Visit | None, kept_choices: object, kept_private: object, request: gr.Request
    ) -> Updates:
        """Begin a visit with what was chosen in this browser, else in the language that it asks for."""
        accepted = request.headers.get("accept-language", "") if request else ""
        language: TextLanguage = "zh" if accepted.strip().lower().startswith("zh") else "en"
        try:
            choices = KeptChoices.read(kept_choices)
            visit = await Visit.begin(self._host, language, choices, wants_private=kept_private == {"is_private": True})
        except Exception as error:
            return self._view.failure(error)
        if session := getattr(request, "session_hash", None):
            self._visits[session] = visit
        return {self._page.visit: visit, **self._view.everything(visit)}

    def close_page(self, request: gr.Request) -> None:
        """Leave the conversation of a tab that was closed, or is loaded again."""
        if visit := self._visits.pop(request.session_hash or "", None):
            visit.close()

    async def send(self, visit: Visit, text: str) -> AsyncIterator[Updates]:
        """Answer what the person wrote, in the place of a turn where they edit one; what was asked is asked no more."""
        if not text.strip() or (visit.conversation.is_running and not visit.conversation.question):
            yield self._view.nothing
            return
        edited, visit.editing = visit.editing, ""
        if edited and not visit.conversation.has_turn(edited):
            visit.notice = WORDS[visit.language].turn_is_gone
            yield self._view.everything(visit)
            return
        notice = "" if edited else await visit.leave_after_pause()
        turn = visit.conversation.edit(edited, text) if edited else visit.conversation.say(text)
        shown = self._view.everything(visit) if notice else {}
        yield {**shown, self._page.message: self._view.message_box(visit, value="")}
        async with aclosing(self._run(visit, turn, notice)) as run:
            async for updates in run:
                yield updates

    async def act_in_conversation(self, visit: Visit, event: gr.EventData) -> AsyncIterator[Updates]:
        """Show, edit or answer again a turn whose button was pressed."""
        act, number = _button(event)
        if act == "show":
            visit.show_turn(number)
            yield self._view.conversation(visit)
        elif visit.conversation.is_running or number >= len(visit.conversation.turns):
            yield self._view.nothing
        elif act == "edit":
            turn = visit.conversation.turns[number]
            visit.editing = turn.key
            yield {self._page.message: self._view.message_box(visit, value=turn.text), **self._view.buttons(visit)}
        elif act == "regenerate":
            async with aclosing(
                self._run(visit, visit.conversation.regenerate(visit.conversation.turns[number].key))
            ) as run:
                async for updates in run:
                    yield updates

    async def answer_question(self, visit: Visit, event: gr.EventData) -> Updates:
        """Answer which emotion it is; who runs the turn shows how it goes on."""
        visit.conversation.answer(str(event._data.get("emotion", "")))
        return self._view.conversation(visit)

    async def _run(self, visit: Visit, turn: AsyncGenerator[None], notice: str = "") -> AsyncGenerator[Updates]:
        """Show a turn while it runs, and all that it changed at its end; beside it what is to be said."""
        visit.shown, visit.notice = "", notice
        view, last, was_replying = self._view, Updates(), False
        async with aclosing(turn):
            async for _ in turn:
                live = visit.conversation.live
                is_replying = live is not None and live.turn.reply != ""
                updates = view.growing_reply(visit) if is_replying and was_replying else view.conversation(visit)
                changed = {component: update for component, update in updates.items() if last.get(component) != update}
                yield changed or view.nothing
                last, was_replying = {**last, **updates}, is_replying
        shown: Updates = {}
        if visit.shows_memory:
            try:
                await visit.refresh_memories()
            except Exception as error:
                visit.notice = error_sentence(error)
            shown = view.memory(visit)
        yield {**view.conversation(visit), **shown, self._page.announcer: view.announcement(visit)}

    async def stop(self, visit: Visit) -> Updates:
        """Stop the running turn; who runs it shows its end."""
        visit.conversation.stop()
        return self._view.nothing

    async def cancel_edit(self, visit: Visit) -> Updates:
        """Leave a turn as it was."""
        visit.editing = ""
        return {self._page.message: self._view.message_box(visit, value=""), **self._view.buttons(visit)}

    async def act_on_memory(self, visit: Visit, event: gr.EventData) -> Updates:
        """Delete, pin or hide a remembered turn whose button was pressed, or show more of them."""
        act, _ = _button(event)
        if act == "more":
            visit.memories.length += PAGE_LENGTH
        else:
            await visit.act_on_memory(act, str(event._data.get("memory", "")))
        return {**self._view.conversation(visit), **self._view.memory(visit)}

    async def show_memories(self, visit: Visit) -> Updates:
        """Read what is remembered again, now and after each turn, as it is before the person."""
        visit.shows_memory = True
        await visit.refresh_memories()
        return self._view.memory(visit)

    async def leave_memories(self, visit: Visit) -> Updates:
        """Read what is remembered no more: something else is before the person."""
        visit.shows_memory = False
        return self._view.nothing

    async def search(self, visit: Visit, query: str) -> Updates:
        """List what is remembered and similar to a text."""
        await visit.search(query)
        return self._view.memory(visit)

    async def set_period(self, visit: Visit, period: Any) -> Updates:
        """Show the timeline by other periods."""
        visit.period = period
        return await self.show_memories(visit)

    async def begin_conversation(self, visit: Visit) -> Updates:
        """Begin a new conversation."""
        await visit.begin_conversation(visit.character)
        return self._view.everything(visit)

    async def open_conversation(self, visit: Visit, name: str) -> Updates:
        """Open an earlier conversation."""
        await visit.open(name)
        return self._view.everything(visit)

    async def set_private(self, visit: Visit, is_private: bool) -> Updates:
        """Write nothing down, or write down again."""
        await visit.set_private(is_private)
        return {**self._view.everything(visit), **self._view.kept_private(visit)}

    async def set_language(self, visit: Visit, language: TextLanguage) -> Updates:
        """Show the page in another language."""
        visit.language, visit.has_chosen_language = language, True
        return {**self._view.everything(visit), **self._view.kept_choices(visit)}

    async def set_strategy(self, visit: Visit, strategy: str) -> Updates:
        """Set how the emotion is decided."""
        visit.set_strategy(strategy)
        return self._view.kept_choices(visit)

    async def set_reply_language(self, visit: Visit, language: str) -> Updates:
        """Set the language of the reply."""
        visit.set_reply_language(language)
        return self._view.kept_choices(visit)

    async def set_region(self, visit: Visit, region: str) -> Updates:
        """Set the country for numbers to call; say what is wrong with one that is none."""
        words = WORDS[visit.language]
        try:
            visit.set_region(region)
        except SetupError:
            return {self._page.region: gr.update(info=words.region_wrong.format(value=region))}
        return {self._page.region: gr.update(info=words.region_info), **self._view.kept_choices(visit)}

    async def set_retention(self, visit: Visit, days: float) -> Updates:
        """Set how long what is said from now on is remembered."""
        visit.set_retention(days)
        return self._view.kept_choices(visit)

    async def set_character(self, visit: Visit, name: str) -> Updates:
        """Begin a conversation with another character."""
        await visit.begin_conversation(name)
        return self._view.everything(visit)


def _button(event: gr.EventData) -> tuple[str, int]:
    """Return what a button is for, and the number of the turn that it belongs to."""
    turn = str(event._data.get("turn", ""))
    return str(event._data.get("act", "")), int(turn) if turn.isdecimal() else 0
