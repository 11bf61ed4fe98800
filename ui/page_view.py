"""What each component of the page shows, from what a visit holds."""

from __future__ import annotations

from typing import Any, TypeAlias

import gradio as gr

from .page import (
    Page,
    head_html,
    in_all_languages,
    period_choices,
    reply_language_choices,
    retention_choices,
    strategy_choices,
)
from .page_host import PageHost
from .page_turns import error_sentence
from .page_words import WORDS
from .views.conversation_view import history_html, live_html, status_text
from .views.memory_view import memories_html
from .views.safe_html import escaped
from .views.timeline_view import timeline_html
from .views.understanding_view import understanding_html
from .visit import Visit

Updates: TypeAlias = dict[Any, Any]
"""Component -> its new value or properties."""


class PageView:
    """The components of a page as they are to be."""

    def __init__(self, page: Page, host: PageHost) -> None:
        self._page = page
        self._host = host
        self.nothing: Updates = {page.stop: gr.skip()}
        """No change: Gradio takes no empty dict."""

    def kept_private(self, visit: Visit) -> Updates:
        """Return whether nothing is written down, as the browser keeps it for the next visit."""
        return {self._page.kept_private: {"is_private": visit.wants_private}}

    def kept_choices(self, visit: Visit) -> Updates:
        """Return what the browser keeps for the next visit."""
        return {self._page.kept_choices: visit.kept_choices.stored()}

    def everything(self, visit: Visit) -> Updates:
        """Return all that the page shows, with its labels in the language of the visit."""
        page, words = self._page, WORDS[visit.language]
        labels = (words.understood, words.memory, words.timeline, words.settings)
        context = visit.conversation.context
        characters = [(words.no_character, ""), *((each.name, key) for key, each in self._host.characters.items())]
        sem = words.sem.format(sem=self._host.sem_name(visit.character))
        models = f"{words.llm.format(model=self._host.model)}<br>{sem}"
        private_note = words.private_info if visit.conversation.is_private else ""
        private_note = words.private_always if self._host.keeps_nothing else private_note
        return {
            page.head: head_html(words),
            page.conversations: gr.update(
                choices=[(visit.name_label(name), name) for name in visit.names],
                value=visit.conversation.name,
                label=words.conversation,
            ),
            page.new: gr.update(value=words.new_conversation),
            page.private: gr.update(label=words.private, value=visit.conversation.is_private),
            page.private_note: f'<p class="hef-private-note">{private_note}</p>' if private_note else "",
            page.language: gr.update(label=words.language, value=visit.language),
            **{tab: gr.update(label=label) for tab, label in zip(page.tabs, labels, strict=True)},
            page.message: self.message_box(visit),
            page.search: gr.update(label=words.memory_search),
            page.period: gr.update(choices=period_choices(words), label=words.period),
            page.strategy: gr.update(choices=strategy_choices(words), value=context.strategy, label=words.strategy),
            page.reply_language: gr.update(
                choices=reply_language_choices(words, context.language),
                value=context.language or "",
                label=words.reply_language,
            ),
            page.region: gr.update(value=context.region or "", label=words.region, info=words.region_info),
            page.retention: gr.update(
                choices=retention_choices(words, self._host.context.remember_for),
                value=context.remember_for or 0,
                label=words.retention,
                info=words.retention_info,
            ),
            page.character: gr.update(
                choices=characters, value=visit.character, label=words.character, visible=len(characters) > 1
            ),
            page.models: f'<h3>{words.models}</h3><p class="hef-note">{models}</p>',
            page.announcer: self.announcement(visit),
            **self.conversation(visit),
            **self.memory(visit),
        }

    def conversation(self, visit: Visit) -> Updates:
        """Return the conversation, and what was understood in the turn that is shown."""
        page, conversation = self._page, visit.conversation
        turn = visit.shown_turn
        updates: Updates = {
            page.history: history_html(conversation, turn.key if turn else "", visit.language),
            page.live: live_html(conversation, visit.language),
            page.understood: _notice_html(visit.notice) + understanding_html(turn, visit.memories, visit.language),
            **self.buttons(visit),
        }
        if conversation.live and not conversation.live.turn.reply:
            updates[page.announcer] = self.announcement(visit)
        return updates

    def growing_reply(self, visit: Visit) -> Updates:
        """Return the running turn, where nothing but its reply has changed."""
        return {self._page.live: live_html(visit.conversation, visit.language)}

    def buttons(self, visit: Visit) -> Updates:
        """Return which buttons there are beside the message."""
        page, words = self._page, WORDS[visit.language]
        is_running, is_asked = visit.conversation.is_running, visit.conversation.question is not None
        return {
            page.send: gr.update(value=words.send, visible=is_asked or not is_running, interactive=True),
            page.stop: gr.update(value=words.stop, visible=is_running),
            page.cancel: gr.update(value=words.cancel, visible=visit.editing != ""),
        }

    def memory(self, visit: Visit) -> Updates:
        """Return what is remembered, and the timeline."""
        words = WORDS[visit.language]
        listed = memories_html(visit.memories, visit.language)
        if self._host.keeps_nothing:
            listed = f'<p class="hef-note">{words.memory_off}</p>'
        return {
            self._page.memories: _notice_html(visit.notice) + listed,
            self._page.timeline: timeline_html(visit.periods, visit.period, visit.language),
        }

    def message_box(self, visit: Visit, **properties: Any) -> Any:
        """Return the field of the message, with its label."""
        words = WORDS[visit.language]
        label = words.edited_message if visit.editing else words.your_message
        return gr.update(label=label, placeholder=words.placeholder, interactive=True, **properties)

    def announcement(self, visit: Visit) -> str:
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
            f'data-talk="{words.conversation}" data-panel="{words.panel}" data-tabs="{words.more_tabs}"></span>'
        )

    def not_ready(self) -> Updates:
        """Return that nothing was done, as there is no visit."""
        notice = _notice_html(in_all_languages("not_ready"))
        return {self._page.understood: notice, self._page.memories: notice}

    def failure(self, error: Exception) -> Updates:
        """Return why there is no visit, in the place of the conversation."""
        sentence = f'<p class="hef-outcome" role="alert">{escaped(error_sentence(error))}</p>'
        return {self._page.history: sentence, self._page.message: gr.update(placeholder="")}


def _notice_html(notice: str) -> str:
    return f'<p class="hef-notice" role="status">{escaped(notice)}</p>' if notice else ""
