"""From conversations to token sequences in HEF's own prompts, each with a judgement and a reply to learn."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...contract import HefContext, Memory, SetupError, Turn
from ...contract.progress import Progress, ignore_progress
from ...data.conversations import Conversation, Sample
from ...llm.engine.chat_template import Prompter
from ...prompts import Prompts
from ...prompts.messages import MAX_CAUSES, SCORE_PREFIX, draft_messages, score_messages
from ...sem import Sem

SHORTEST = 3
"""A listener's turn of fewer words teaches nothing about replies."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One listener turn to learn: what was said before it, and what shows the emotion."""

    turns: tuple[Turn, ...]
    """All turns before the reply."""
    emotion: str
    """The label."""
    conv_id: str
    """Where it comes from."""
    reply: str
    """The listener's turn."""
    words: tuple[str, ...] = ()
    """Cause words that the prompt names."""
    memories: tuple[Memory, ...] = ()
    """Past turns that the prompt shows."""

    @property
    def sample(self) -> Sample:
        """What a SEM is asked about."""
        return Sample(self.turns, self.emotion, self.conv_id)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A whole exchange as tokens, and where in it something is learned."""

    ids: tuple[int, ...]
    """Prompt, judgement, second prompt and reply."""
    label: range
    """Places of the label's tokens."""
    reply: range
    """Places of the reply's tokens and the end."""

    def judgement(self) -> Lesson:
        """Return the part that ends at the label: it is read in half the time."""
        stop = self.label.stop
        return Lesson(self.ids[:stop], self.label, range(stop, stop))


def exchanges(conversations: Sequence[Conversation], seed: int, number: int) -> list[Exchange]:
    """Return one listener turn of each conversation, another one each pass."""
    chance = random.Random(f"{seed}:{number}")
    found: list[Exchange] = []
    for held in conversations:
        cuts = [
            at
            for at, turn in enumerate(held.turns)
            if at and turn.role == "listener" and len(turn.text.split()) >= SHORTEST
        ]
        if cuts:
            cut = chance.choice(cuts)
            found.append(Exchange(held.turns[:cut], held.emotion, held.conv_id, held.turns[cut].text))
    chance.shuffle(found)
    return found


def all_exchanges(conversations: Sequence[Conversation]) -> list[Exchange]:
    """Return every listener turn, to measure on."""
    return [
        Exchange(held.turns[:at], held.emotion, held.conv_id, turn.text)
        for held in conversations
        for at, turn in enumerate(held.turns)
        if at and turn.role == "listener"
    ]


def with_causes(
    found: Sequence[Exchange],
    sem: Sem,
    left_out: float,
    seed: int,
    report: Progress = ignore_progress,
    part: int = 256,
) -> list[Exchange]:
    """Let the SEM name the cause words of each exchange's label; a share is left without.

    Args:
        found: The exchanges.
        sem: Names the words.
        left_out: Share without words.
        seed: Of the draw.
        report: Receives the progress.
        part: How many are read at once.
    """
    chance = random.Random(f"{seed}:causes")
    named: list[Exchange] = []
    for start in range(0, len(found), part):
        rows = found[start : start + part]
        causes = sem.causes([row.turns for row in rows], [row.emotion for row in rows])
        for row, held in zip(rows, causes, strict=True):
            words = () if chance.random() < left_out else tuple(cause.text for cause in held[:MAX_CAUSES])
            named.append(replace(row, words=words))
        report("cause words", len(named), len(found))
    return named


class Writer:
    """Writes exchanges as tokens, exactly as the graph's nodes prompt.

    Args:
        tokenizer: The LLM's, with its chat template.
        end: The token that ends a reply.
        settings: Persona and dialogue limit.
    """

    def __init__(self, tokenizer: Any, end: int, settings: HefContext | None = None) -> None:
        self._tokenizer, self._end = tokenizer, end
        self._prompter, self._prompts = Prompter(tokenizer), Prompts()
        self._settings = settings or HefContext()

    def write(self, exchange: Exchange) -> Lesson:
        """Return the tokens of one exchange.

        Raises:
            SetupError: The chat template rewrites earlier turns, so that the reply's prompt does not go on from the
                judgement's.
        """
        limit, persona = self._settings.dialogue_limit, self._settings.persona
        asked = score_messages(self._prompts, exchange.turns, persona, limit)
        judging = self._prompter.text(asked, prefix=SCORE_PREFIX)
        drafting = self._prompter.text(
            draft_messages(
                self._prompts, exchange.turns, exchange.emotion, exchange.words, exchange.memories, persona, limit
            )
        )
        label = f" {exchange.emotion}"
        if not drafting.startswith(judging + label):
            raise SetupError("the chat template changes earlier turns: this model cannot learn judgement and reply")
        ids = self._encode(judging)
        at_label = range(len(ids), len(ids) + len(self._encode(label)))
        ids = [*ids, *self._encode(label), *self._encode(drafting[len(judging + label) :])]
        at_reply = len(ids)
        ids = [*ids, *self._encode(exchange.reply), self._end]
        return Lesson(tuple(ids), at_label, range(at_reply, len(ids)))

    def first_tokens(self, labels: Sequence[str]) -> list[int]:
        """Return the token each label begins with.

        Raises:
            SetupError: Two labels begin with the same token.
        """
        firsts = [self._encode(f" {label}")[0] for label in labels]
        if len(set(firsts)) < len(firsts):
            raise SetupError("two labels begin with the same token: soft labels cannot be learned with this tokenizer")
        return firsts

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
