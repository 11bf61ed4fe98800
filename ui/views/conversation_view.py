"""The conversation as HTML: messages with what was understood of them, and the buttons to change them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..page_turns import EmotionQuestion, PageTurn
from ..page_words import WORDS, PageWords
from ..turn_words import emotion_name, nothing_read
from .safe_html import escaped, marked_html, reply_html

if TYPE_CHECKING:
    from ...contract.dialogue import TextLanguage
    from ..page_conversation import PageConversation
    from ..page_turns import LiveTurn, Understanding


def history_html(conversation: PageConversation, shown: str, language: TextLanguage) -> str:
    """Return all turns but the running one; of an empty conversation a greeting.

    Args:
        conversation: The conversation.
        shown: Key of the turn that the panel shows.
        language: Language of the page.
    """
    words = WORDS[language]
    opening = ""
    if conversation.opening:
        opening = _reply_html(PageTurn("", "", conversation.opening), conversation.listener, words)
    elif not conversation.turns and conversation.live is None:
        return (
            f'<div class="hef-greeting"><p class="hef-greeting-line">{words.greeting}</p>'
            f"<p>{words.greeting_more}</p></div>"
        )
    is_last_open = conversation.live is None and conversation.outcome != ""
    turns = [
        _turn_html(conversation, number, language, is_shown=turn.key == shown)
        for number, turn in enumerate(conversation.turns)
    ]
    outcome = _outcome_html(conversation, words) if is_last_open else ""
    return f'<div class="hef-turns">{opening}{"".join(turns)}{outcome}</div>'


def live_html(conversation: PageConversation, language: TextLanguage) -> str:
    """Return the running turn: what the person said, and the reply as far as it is written."""
    live = conversation.live
    if live is None:
        return ""
    words = WORDS[language]
    status = "" if live.turn.reply else f'<p class="hef-status">{escaped(status_text(live, language))} …</p>'
    if live.question:
        status = _question_html(live.question, language)
    reply = _reply_html(live.turn, conversation.listener, words) if live.turn.reply else ""
    return f'<div class="hef-turns hef-live">{_said_html(live.turn, words, "")}{reply}{status}</div>'


def status_text(live: LiveTurn, language: TextLanguage) -> str:
    """Return what is being done in the running turn, or what it asks the person."""
    if live.question:
        return question_text(live.question, language)
    return str(getattr(WORDS[language], f"status_{live.status or 'begin'}", WORDS[language].status_begin))


def question_text(question: EmotionQuestion, language: TextLanguage) -> str:
    """Return the question which emotion it is, with what SEM and LLM think."""
    words, empathy = WORDS[language], question.empathy
    primary = words.comma.join(emotion_name(label, language) for label in empathy.primary)
    hypothesis = emotion_name(empathy.hypothesis, language) if empathy.hypothesis else words.no_emotion
    return f"{words.which_emotion}{words.which_because.format(primary=primary, hypothesis=hypothesis)}"


def emotion_line(understanding: Understanding, language: TextLanguage) -> str:
    """Return the emotion and its share in a few words."""
    empathy = understanding.empathy
    if empathy.safety.level == "danger":
        return WORDS[language].safety
    if nothing := nothing_read(empathy, language):
        return nothing
    return f"{emotion_name(empathy.emotion, language)} {empathy.distribution.get(empathy.emotion, 0.0):.0%}"


def _turn_html(conversation: PageConversation, number: int, language: TextLanguage, *, is_shown: bool) -> str:
    words, turn = WORDS[language], conversation.turns[number]
    disabled = " disabled" * (conversation.live is not None)
    buttons = ""
    if turn.understanding:
        emotion = escaped(emotion_line(turn.understanding, language))
        title = escaped(words.understood_here.format(emotion=emotion_line(turn.understanding, language)))
        buttons = (
            f'<button type="button" class="hef-chip" data-act="show" data-turn="{number}" '
            f'aria-pressed="{str(is_shown).lower()}" aria-label="{title}">{emotion}</button>'
        )
    buttons += (
        f'<button type="button" class="hef-quiet" data-act="edit" data-turn="{number}"{disabled}>{words.edit}</button>'
    )
    again = words.regenerate if turn.reply else words.try_again
    below = (
        f'<div class="hef-row"><button type="button" class="hef-quiet" data-act="regenerate" data-turn="{number}"'
        f"{disabled}>{again}</button></div>"
    )
    if _is_danger(turn):
        below = ""  # a fixed text: it would be the same again
    reply = _reply_html(turn, conversation.listener, words, below) if turn.reply else below
    return _said_html(turn, words, f'<div class="hef-row">{buttons}</div>') + reply


def _said_html(turn: PageTurn, words: PageWords, below: str) -> str:
    causes = turn.understanding.empathy.causes if turn.understanding else ()
    text = marked_html(turn.text, [cause for cause in causes if cause.turn == turn.index])
    return (
        f'<article class="hef-said"><h3 class="hef-sr">{words.you}</h3>'
        f'<p class="hef-bubble" dir="auto">{text}</p>{below}</article>'
    )


def _reply_html(turn: PageTurn, listener: str, words: PageWords, below: str = "") -> str:
    is_danger = _is_danger(turn)
    heading = f'<p class="hef-danger-title">{words.danger}</p>' if is_danger else ""
    return (
        f'<article class="hef-reply{" hef-danger" * is_danger}"><h3 class="hef-sr">{escaped(listener)}</h3>'
        f'<div class="hef-bubble" dir="auto">{heading}{reply_html(turn.reply)}</div>{below}</article>'
    )


def _question_html(question: EmotionQuestion, language: TextLanguage) -> str:
    """Return the question which emotion it is: the likely ones as buttons, the others below a line that opens."""
    words = WORDS[language]

    def buttons(labels: Sequence[str]) -> str:
        return "".join(
            f'<button type="button" class="hef-button" data-act="answer" data-emotion="{escaped(label)}">'
            f"{escaped(emotion_name(label, language))}</button>"
            for label in labels
        )

    others = [label for label in question.labels if label not in question.likely]
    return (
        f'<section class="hef-asked" role="group" aria-label="{escaped(words.which_emotion.strip())}">'
        f"<p>{escaped(question_text(question, language))}</p>"
        f'<div class="hef-row">{buttons(question.likely)}'
        f'<button type="button" class="hef-quiet" data-act="answer" data-emotion="">{words.none_of_these}</button>'
        "</div>"
        f'<details><summary>{words.other_emotion}</summary><div class="hef-row">{buttons(others)}</div></details>'
        f'<p class="hef-note">{words.or_go_on}</p></section>'
    )


def _outcome_html(conversation: PageConversation, words: PageWords) -> str:
    text = words.stopped if conversation.outcome == "stopped" else words.failed.format(error=conversation.error)
    return f'<p class="hef-outcome">{escaped(text)}</p>'


def _is_danger(turn: PageTurn) -> bool:
    return turn.understanding is not None and turn.understanding.empathy.safety.level == "danger"
