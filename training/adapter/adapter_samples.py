"""Token sequences in HEF's own prompts, made of conversations, each with a judgement and a reply as targets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...contract import HefContext, Memory, SetupError, Turn
from ...contract.progress import Progress, ignore_progress
from ...contract.settings.dialogue_limit import question_limit
from ...data.conversations import Conversation, Sample
from ...llm.engine.chat_template import Prompter
from ...prompts import Prompts
from ...prompts.messages import MAX_CAUSES, SCORE_PREFIX, draft_messages, score_messages
from ...sem import EmbeddingSem, Sem

MIN_REPLY_WORDS = 3
"""A listener's turn of fewer words is no target."""
POOL = 2048
"""Other speakers' turns that unrelated memories are drawn from."""
NEAREST = 8
"""Number of the pool's nearest turns that an unrelated memory is drawn from."""
MAX_MEMORIES = 3
"""Maximum number of memories per prompt, the default of recall."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One listener turn as target: its dialogue context, emotion, cause words and memories."""

    turns: tuple[Turn, ...]
    """All turns before the reply."""
    emotion: str
    """The label."""
    conv_id: str
    """Id of its conversation."""
    reply: str
    """The listener's turn."""
    words: tuple[str, ...] = ()
    """Cause words in the prompt."""
    memories: tuple[Memory, ...] = ()
    """Past turns in the prompt."""

    @property
    def sample(self) -> Sample:
        """Return the dialogue context as the sample of a SEM."""
        return Sample(self.turns, self.emotion, self.conv_id)


@dataclass(frozen=True, slots=True)
class TokenisedExchange:
    """An exchange as tokens, with the positions of the targets."""

    ids: tuple[int, ...]
    """Prompt, judgement, second prompt and reply."""
    label: range
    """Positions of the label's tokens."""
    reply: range
    """Positions of the reply's tokens and the end."""

    def without_reply(self) -> TokenisedExchange:
        """Return the part that ends at the label: it takes half the time."""
        stop = self.label.stop
        return TokenisedExchange(self.ids[:stop], self.label, range(stop, stop))


def sample_exchanges(conversations: Sequence[Conversation], seed: int, number: int) -> list[Exchange]:
    """Return one listener turn of each conversation, another one each pass."""
    rng = random.Random(f"{seed}:{number}")
    exchanges: list[Exchange] = []
    for conversation in conversations:
        cuts = [
            at
            for at, turn in enumerate(conversation.turns)
            if at and turn.role == "listener" and len(turn.text.split()) >= MIN_REPLY_WORDS
        ]
        if cuts:
            cut = rng.choice(cuts)
            context, reply = conversation.turns[:cut], conversation.turns[cut].text
            exchanges.append(Exchange(context, conversation.emotion, conversation.conv_id, reply))
    rng.shuffle(exchanges)
    return exchanges


def all_exchanges(conversations: Sequence[Conversation]) -> list[Exchange]:
    """Return every listener turn, for evaluation."""
    return [
        Exchange(conversation.turns[:at], conversation.emotion, conversation.conv_id, turn.text)
        for conversation in conversations
        for at, turn in enumerate(conversation.turns)
        if at and turn.role == "listener"
    ]


def with_causes(
    rows: Sequence[Exchange],
    sem: Sem,
    left_out: float,
    seed: int,
    report: Progress = ignore_progress,
    batch_size: int = 256,
) -> list[Exchange]:
    """Return the exchanges with the SEM's cause words of their labels; a share is left without.

    Args:
        rows: The exchanges.
        sem: Finds the words.
        left_out: Share without words.
        seed: Seed of the random draws.
        report: Receives the progress.
        batch_size: Exchanges per call of the SEM.
    """
    rng = random.Random(f"{seed}:causes")
    result: list[Exchange] = []
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        causes_per_row = sem.causes([row.turns for row in batch], [row.emotion for row in batch])
        for row, causes in zip(batch, causes_per_row, strict=True):
            words = () if rng.random() < left_out else tuple(cause.text for cause in causes[:MAX_CAUSES])
            result.append(replace(row, words=words))
        report("cause words", len(result), len(rows))
    return result


class Tokeniser:
    """Turn exchanges into tokens, with exactly the prompts of the graph's nodes.

    Args:
        tokenizer: The LLM's, with its chat template.
        end: The token that ends a reply.
        settings: Persona and dialogue limit.
    """

    def __init__(self, tokenizer: Any, end: int, settings: HefContext | None = None) -> None:
        self._tokenizer, self._end = tokenizer, end
        self._prompter, self._prompts = Prompter(tokenizer), Prompts()
        self._settings = settings or HefContext()

    def tokenise(self, exchange: Exchange) -> TokenisedExchange:
        """Return the tokens of one exchange.

        Raises:
            SetupError: The chat template rewrites earlier turns, so that the reply's prompt does not begin with the
                judgement's.
        """
        limit, persona = question_limit(self._settings.dialogue_limit), self._settings.persona
        messages = score_messages(self._prompts, exchange.turns, persona, limit)
        judgement = self._prompter.text(messages, prefix=SCORE_PREFIX)
        draft = self._prompter.text(
            draft_messages(
                self._prompts, exchange.turns, exchange.emotion, exchange.words, exchange.memories, persona, limit
            )
        )
        label = f" {exchange.emotion}"
        if not draft.startswith(judgement + label):
            raise SetupError("the chat template changes earlier turns: this model cannot learn judgement and reply")
        ids = self._encode(judgement)
        label_range = range(len(ids), len(ids) + len(self._encode(label)))
        ids = [*ids, *self._encode(label), *self._encode(draft[len(judgement + label) :])]
        reply_start = len(ids)
        ids = [*ids, *self._encode(exchange.reply), self._end]
        return TokenisedExchange(tuple(ids), label_range, range(reply_start, len(ids)))

    def first_tokens(self, labels: Sequence[str]) -> list[int]:
        """Return the first token of each label.

        Raises:
            SetupError: Two labels begin with the same token.
        """
        first_tokens = [self._encode(f" {label}")[0] for label in labels]
        if len(set(first_tokens)) < len(first_tokens):
            raise SetupError("two labels begin with the same token: soft labels cannot be learned with this tokenizer")
        return first_tokens

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def with_memories(rows: Sequence[Exchange], sem: Sem, share: float, seed: str) -> list[Exchange]:
    """Return the exchanges, a share of them with past turns as memories.

    No conversation of the training data has a past. Half of those with several turns of the speaker lose their
    first ones, which come back as memories that the reply can build on; the rest get turns of other speakers that
    are near in meaning, as recall may return them, so that the model learns to ignore unrelated memories.

    Args:
        rows: The exchanges.
        sem: Its sentence vectors define what is near; without sentence vectors other turns are drawn at random.
        share: Share of exchanges with memories.
        seed: Seed of the random draws.
    """
    rng = random.Random(f"{seed}:memories")
    selected = [i for i in range(len(rows)) if rng.random() < share]
    pool = [rows[i] for i in sorted(rng.sample(range(len(rows)), min(POOL, len(rows))))]
    nearest = _nearest(sem, [rows[i] for i in selected], pool)
    result = list(rows)
    for i, neighbours in zip(selected, nearest, strict=True):
        others = [pool[j] for j in neighbours if pool[j].conv_id != rows[i].conv_id][:NEAREST]
        result[i] = _add_memories(rows[i], others, rng)
    return result


def _add_memories(exchange: Exchange, others: Sequence[Exchange], rng: random.Random) -> Exchange:
    turns, past = exchange.turns, tuple[Memory, ...]()
    if rng.random() < 0.5:
        turns, past = _split_off_past(exchange, rng)
    drawn = rng.sample(others, min(len(others), rng.randint(not past, MAX_MEMORIES - len(past))))
    memories = [*past, *(_memory(other.turns[-1], other.emotion) for other in drawn)]
    rng.shuffle(memories)
    return replace(exchange, turns=turns, memories=tuple(memories))


def _split_off_past(exchange: Exchange, rng: random.Random) -> tuple[tuple[Turn, ...], tuple[Memory, ...]]:
    """Return the last turns, beginning with the speaker's, and the speaker's turns before them as memories."""
    starts = [i for i, turn in enumerate(exchange.turns) if i and turn.role == "speaker"]
    if not starts:
        return exchange.turns, ()
    start = rng.choice(starts)
    past = [turn for turn in exchange.turns[:start] if turn.role == "speaker"]
    return exchange.turns[start:], tuple(_memory(turn, exchange.emotion) for turn in past[-MAX_MEMORIES + 1 :])


def _memory(turn: Turn, emotion: str) -> Memory:
    return Memory(id="", text=turn.text, emotion=emotion)


def _nearest(sem: Sem, rows: Sequence[Exchange], pool: Sequence[Exchange]) -> list[list[int]]:
    """Return for each exchange indices of the pool, nearest last turn first."""
    if not rows or not isinstance(sem, EmbeddingSem):
        return [list(range(len(pool)))] * len(rows)
    similarity = _vectors(sem, rows) @ _vectors(sem, pool).T
    nearest: list[list[int]] = np.argsort(-similarity, axis=1)[:, : 2 * NEAREST].tolist()
    return nearest


def _vectors(sem: EmbeddingSem, rows: Sequence[Exchange]) -> NDArray[np.float32]:
    texts = [row.turns[-1].text for row in rows]
    batches = (sem.embed(texts[start : start + 256]) for start in range(0, len(texts), 256))
    return np.array([vector for batch in batches for vector in batch], dtype=np.float32)
