"""The page: where everything stands, from top to bottom as it is read."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when Gradio is imported

import gradio as gr
from gradio.themes import Base

from .page_words import WORDS, PageWords

if TYPE_CHECKING:
    from ..contract import HefContext

FOLDER = Path(__file__).parent
STYLE = FOLDER / "page.css"
"""Style sheet of the page."""
SCRIPT = (FOLDER / "page.js").read_text(encoding="utf-8")
"""What runs in the browser: buttons within HTML, labels of regions, scrolling."""
LANGUAGES = [("English", "en"), ("中文", "zh")]
_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "PingFang SC", "Noto Sans CJK SC", "sans-serif"]
RETENTION_DAYS = (1, 7, 30, 365)
"""Days for which what is said can be remembered, beside for good."""
_MAX_MESSAGE = 250_000
"""Characters of a message, as many as are read of a turn."""


@dataclass
class Page:
    """The components of the page that change."""

    blocks: gr.Blocks
    visit: gr.State
    head: gr.HTML
    conversations: gr.Dropdown
    new: gr.Button
    private: gr.Checkbox
    language: gr.Radio
    history: gr.HTML
    live: gr.HTML
    private_note: gr.HTML
    message: gr.Textbox
    send: gr.Button
    stop: gr.Button
    cancel: gr.Button
    tabs: list[gr.Tab]
    """Understood, memory, timeline and settings."""
    understood: gr.HTML
    search: gr.Textbox
    memories: gr.HTML
    period: gr.Radio
    timeline: gr.HTML
    strategy: gr.Dropdown
    reply_language: gr.Dropdown
    region: gr.Textbox
    retention: gr.Dropdown
    character: gr.Dropdown
    models: gr.HTML
    announcer: gr.HTML
    kept_choices: gr.BrowserState
    """What the browser keeps for the next visit."""
    kept_private: gr.BrowserState
    """Whether nothing is written down: kept apart, so that another choice in another tab does not undo it."""

    @property
    def changing(self) -> list[Any]:
        """All components that a handler may change."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in ("blocks", "visit")}
        return [*own.pop("tabs"), *own.values()]


def lay_out(context: HefContext, *, keeps_nothing: bool) -> Page:
    """Return the page without what it does.

    Args:
        context: Settings at first.
        keeps_nothing: Whether nothing can be written down.
    """
    words = WORDS["en"]
    with gr.Blocks(title=words.title, analytics_enabled=False, fill_width=True) as blocks:
        visit = gr.State(None, delete_callback=lambda left: left and left.close())
        # Encrypted by a key that is the same after a restart: it keeps choices, not secrets.
        kept_choices = gr.BrowserState({}, storage_key="hef-choices", secret="hef-choices")
        kept_private = gr.BrowserState({}, storage_key="hef-private", secret="hef-choices")
        with gr.Row(elem_id="hef-head"):
            head = _html(head_html(words), elem_id="hef-title")
            conversations = gr.Dropdown(
                [], label=words.conversation, show_label=False, container=False, elem_id="hef-conversations", scale=0
            )
            new = gr.Button(words.new_conversation, elem_id="hef-new", size="sm", scale=0, min_width=140)
            private = gr.Checkbox(
                keeps_nothing,
                label=words.private,
                interactive=not keeps_nothing,
                container=False,
                elem_id="hef-private",
                scale=0,
            )
            page_language = gr.Radio(
                LANGUAGES,
                value="en",
                label=words.language,
                show_label=False,
                container=False,
                elem_id="hef-language",
                scale=0,
            )
        with gr.Row(elem_id="hef-body", equal_height=False):
            with gr.Column(scale=3, elem_id="hef-talk", min_width=300):
                with gr.Column(elem_id="hef-scroll"):
                    history = _html()
                    live = _html(elem_id="hef-live")
                private_note, message, send, stop, cancel = _composer(words)
            with gr.Column(scale=2, elem_id="hef-panel", min_width=300), gr.Tabs():
                with gr.Tab(words.understood, id="understood") as tab_understood:
                    understood = _html(elem_id="hef-understood")
                with gr.Tab(words.memory, id="memory") as tab_memory:
                    search = gr.Textbox(label=words.memory_search, elem_id="hef-search", max_length=2000)
                    memories = _html(elem_id="hef-memories")
                with gr.Tab(words.timeline, id="timeline") as tab_timeline:
                    period = gr.Radio(period_choices(words), value="day", label=words.period, elem_id="hef-period")
                    timeline = _html(elem_id="hef-timeline")
                with gr.Tab(words.settings, id="settings") as tab_settings:
                    character = gr.Dropdown([], label=words.character, elem_id="hef-character")
                    strategy_choice = gr.Dropdown(
                        strategy_choices(words), value=context.strategy, label=words.strategy, elem_id="hef-strategy"
                    )
                    reply_language = gr.Dropdown(
                        reply_language_choices(words, context.language),
                        value=context.language or "",
                        label=words.reply_language,
                        elem_id="hef-reply-language",
                    )
                    region_code = gr.Textbox(
                        context.region or "",
                        label=words.region,
                        info=words.region_info,
                        max_length=20,
                        elem_id="hef-region",
                    )
                    retention = gr.Dropdown(
                        retention_choices(words, context.remember_for),
                        value=context.remember_for or 0,
                        label=words.retention,
                        info=words.retention_info,
                        interactive=not keeps_nothing,
                        elem_id="hef-retention",
                    )
                    models = _html()
        announcer = _html(elem_id="hef-announcer", script=f"{SCRIPT}\nfollowLabels(element, watch);")
    tabs = [tab_understood, tab_memory, tab_timeline, tab_settings]
    return Page(
        *(
            blocks,
            visit,
            head,
            conversations,
            new,
            private,
            page_language,
            history,
            live,
            private_note,
            message,
            send,
            stop,
            cancel,
        ),
        *(tabs, understood, search, memories, period, timeline, strategy_choice, reply_language, region_code),
        *(retention, character, models, announcer, kept_choices, kept_private),
    )


def page_theme() -> Base:
    """Return the colours and fonts of the page; none is loaded from elsewhere."""
    return Base(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="stone",
        font=_FONT,
        font_mono=["ui-monospace", "monospace"],
    )


def head_html(words: PageWords) -> str:
    """Return the title of the page."""
    return f"<h1>HEF</h1><p>{words.tagline}</p>"


def in_all_languages(name: str) -> str:
    """Return what is said before it is known who reads it.

    Args:
        name: Field of `PageWords`.
    """
    return " · ".join(str(getattr(words, name)) for words in WORDS.values())


def strategy_choices(words: PageWords) -> list[tuple[str, str]]:
    """Return how the emotion can be decided."""
    return [(str(getattr(words, name)), name) for name in ("two_stage", "one_prompt", "sem_only", "llm_only")]


def reply_language_choices(words: PageWords, other: str | None = None) -> list[tuple[str, str]]:
    """Return the languages that the reply may have.

    Args:
        words: The words of the page.
        other: A language that the page was started with.
    """
    choices = [(words.my_language, ""), ("English", "en"), ("中文", "zh")]
    return choices if other in (None, "", "en", "zh") else [*choices, (str(other), str(other))]


def retention_choices(words: PageWords, other: float | None = None) -> list[tuple[str, float]]:
    """Return for how many days what is said can be remembered; 0 is for good.

    Args:
        words: The words of the page.
        other: A number of days that the page was started with.
    """
    days = sorted({*RETENTION_DAYS, *([other] if other else [])})
    named = [(words.one_day if each == 1 else words.days.format(count=f"{each:g}"), each) for each in days]
    return [(words.for_good, 0), *named]


def period_choices(words: PageWords) -> list[tuple[str, str]]:
    """Return the lengths of periods."""
    return [(words.day, "day"), (words.week, "week"), (words.month, "month")]


def _composer(words: PageWords) -> tuple[gr.HTML, gr.Textbox, gr.Button, gr.Button, gr.Button]:
    with gr.Column(elem_id="hef-composer"):
        private_note = _html()
        message = gr.Textbox(
            label=words.your_message,
            placeholder=in_all_languages("loading"),
            lines=1,
            max_lines=8,
            max_length=_MAX_MESSAGE,
            interactive=False,  # until there is a visit
            autofocus=True,
            elem_id="hef-message",
        )
        with gr.Row(elem_id="hef-buttons"):
            cancel = gr.Button(words.cancel, visible=False, elem_id="hef-cancel", size="sm", scale=0)
            stop = gr.Button(words.stop, visible=False, elem_id="hef-stop", size="sm", scale=0)
            send = gr.Button(words.send, variant="primary", interactive=False, elem_id="hef-send", size="sm", scale=0)
    return private_note, message, send, stop, cancel


def _html(value: str = "", *, elem_id: str | None = None, script: str | None = None) -> gr.HTML:
    """Return a piece of HTML whose buttons tell what they are for by an event `act`."""
    buttons = f"{SCRIPT}\nreportButtons(element, (data) => trigger('act', data), watch);"
    return gr.HTML(value, js_on_load=script or buttons, elem_id=elem_id, apply_default_css=False)
