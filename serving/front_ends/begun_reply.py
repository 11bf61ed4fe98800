"""Words of the assistant at the end of a transcript with which the next reply shall begin: the LLM goes on from them.

The client appends what it gets. Such words are of a person who edited a reply, or of a front end that begins each one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from ...prompts.fence import quoted
from ..chat_chunks import Delta, ReplyEnd, ReplyEvent
from ..chat_request import ChatMessage

_SENTENCE_ENDS = (".", "!", "?", '"', ")", "*")
_SHOWN = 2_000
"""Characters of a beginning that the LLM is told, at most: of a longer one its end."""
_GO_ON = (
    'Your reply to the person\'s last message is begun already, and they have read this much of it: "{}". '
    "Write what follows, from where it ends. Repeat none of it, begin no other."
)


def begun_reply(messages: Sequence[ChatMessage]) -> str:
    """Return how the next reply shall begin; empty where a transcript does not end with words of the assistant."""
    is_begun = messages and messages[-1].role == "assistant" and messages[-1].text.strip()
    return messages[-1].text if is_begun else ""


def go_on_from(messages: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    """Return a transcript whose last words, if they are the assistant's, are told as the beginning of the reply."""
    begun = begun_reply(messages)
    if not begun:
        return messages
    return [*messages[:-1], ChatMessage("system", _GO_ON.format(quoted(begun[-_SHOWN:], _SHOWN)))]


def rest_of_reply(answer: ReplyEnd, begun: str) -> ReplyEnd | None:
    """Return what is missing of a reply of which a client shows the beginning; None where it shows other words."""
    if not begun:
        return answer
    rest = answer.text.removeprefix(begun)
    return replace(answer, text=rest) if answer.text.startswith(begun) and rest.strip() else None


async def following(events: AsyncIterator[ReplyEvent], begun: str) -> AsyncIterator[ReplyEvent]:
    """Yield a reply that goes on from a beginning, with the space between the two where one belongs there."""
    space: str | None = None
    async for event in events:
        if space is None and event.text:
            space = " " if are_words_apart(begun, event.text) else ""
            if space and isinstance(event, Delta):
                yield Delta(space)
        yield replace(event, text=f"{space or ''}{event.text}") if isinstance(event, ReplyEnd) else event


def are_words_apart(before: str, after: str) -> bool:
    """Return whether a space belongs between two texts: LLMs begin without one, and Chinese has none."""
    is_end = before[-1:].isascii() and (before[-1:].isalnum() or before.endswith((*_SENTENCE_ENDS, ",", ";", ":")))
    return is_end and after[:1].isascii() and (after[:1].isalnum() or after[:1] in ('"', "'", "(", "*"))
