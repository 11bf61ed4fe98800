"""Fit the cause head on a frozen trunk whose hidden states are computed once."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...contract import Cause, SetupError
from ...contract.text import word_spans
from ...data.cause_annotations import MarkedDialogue, recall
from ...sem.runtime.cause_ranking import rank
from ...sem.runtime.encoding import DialogueEncoder
from ..batching import batches
from .emotion_network import EmotionNetwork
from .heads.cause_features import Features, layers_of, read_features
from .heads.cause_head import CauseHead, lexicon_of

CUTS = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class CauseRecipe:
    """How the cause head is fitted."""

    inner: int = 256
    """Hidden units."""
    dropout: float = 0.4
    """Share of inputs and hidden units left out."""
    passes: int = 5
    """Passes over the dialogues."""
    batch_size: int = 32
    """Dialogues a step."""
    learning_rate: float = 1e-3
    """Highest, after a warm-up of a tenth of the steps; falls to 0."""
    weight_decay: float = 0.05
    """Of AdamW."""


SHIPPED = CauseRecipe()
"""What the shipped SEM's cause head learns marked words with."""
WEAK = CauseRecipe(passes=3)
"""What it learns from labels alone with, before."""


def begin(network: EmotionNetwork, encoder: DialogueEncoder, labels: int, recipe: CauseRecipe, seed: int) -> CauseHead:
    """Return a head for a network that has learned nothing yet."""
    torch.manual_seed(seed)
    lexicon, layers = lexicon_of(encoder.tokenizer), layers_of(network.depth)
    return CauseHead(network.width, labels, lexicon, layers=layers, inner=recipe.inner, dropout=recipe.dropout)


def fit_cause_head(
    network: EmotionNetwork,
    encoder: DialogueEncoder,
    rows: Sequence[MarkedDialogue],
    labels: Sequence[str],
    *,
    start: CauseHead | None = None,
    recipe: CauseRecipe = SHIPPED,
    seed: int = 0,
) -> CauseHead:
    """Fit a cause head on all rows; the network itself stays as it is.

    Args:
        network: Its trunk gives the hidden states.
        encoder: From turns to token ids, with that trunk's tokenizer.
        rows: Dialogues with marked words.
        labels: Emotions in the order of the network's logits.
        start: What it goes on from; None begins anew.
        recipe: Shape and schedule.
        seed: Of beginnings, dropout and order.

    Raises:
        SetupError: No row has a marked word to learn from.
    """
    start = start or begin(network, encoder, len(labels), recipe, seed)
    return fit(start, read_features(network, encoder, rows, labels), recipe, seed)


def cross_validate(
    network: EmotionNetwork,
    encoder: DialogueEncoder,
    rows: Sequence[MarkedDialogue],
    labels: Sequence[str],
    *,
    start: CauseHead | Callable[[Collection[str]], CauseHead] | None = None,
    recipe: CauseRecipe = SHIPPED,
    seed: int = 0,
    extra: Sequence[MarkedDialogue] = (),
    folds: int = 5,
) -> list[tuple[Cause, ...]]:
    """Return the causes of each row as a head finds them that saw no row of its conversation.

    Args:
        network: Its trunk gives the hidden states.
        encoder: From turns to token ids.
        rows: Dialogues to measure on.
        labels: Emotions in the order of the network's logits.
        start: What each head goes on from: a head that has seen no row, or what makes one that has seen no row of
            the conversations it is given. None begins anew.
        recipe: Shape and schedule.
        seed: Of the folds and of fitting.
        extra: Dialogues that are learned from, too, and not measured on; for each fold without
            those of its conversations.
        folds: Parts of the conversations.

    Raises:
        SetupError: There are fewer conversations than folds, or none with a marked word.
    """
    part = fold_of([row.conv_id for row in rows], folds, seed)
    features = read_features(network, encoder, rows, labels)
    more = read_features(network, encoder, extra, labels)
    start = start or begin(network, encoder, len(labels), recipe, seed)
    found: list[tuple[Cause, ...]] = [()] * len(rows)
    for fold in range(folds):
        measured = [index for index, place in enumerate(part) if place == fold]
        hidden = {rows[index].conv_id for index in measured}
        seen = [one for row, one in zip((*rows, *extra), features + more, strict=True) if row.conv_id not in hidden]
        head = fit(start if isinstance(start, CauseHead) else start(hidden), seen, recipe, seed)
        for index in measured:
            found[index] = _causes(head, rows[index], features[index])
    return found


def find_causes(
    network: EmotionNetwork,
    encoder: DialogueEncoder,
    head: CauseHead,
    rows: Sequence[MarkedDialogue],
    labels: Sequence[str],
) -> list[tuple[Cause, ...]]:
    """Return the causes of each row as a head finds them."""
    features = read_features(network, encoder, rows, labels)
    return [_causes(head, row, one) for row, one in zip(rows, features, strict=True)]


def _causes(head: CauseHead, row: MarkedDialogue, one: Features) -> tuple[Cause, ...]:
    return rank(row.turns, one.words, scores_of(head, one), max(CUTS))


def recalls(rows: Sequence[MarkedDialogue], found: Sequence[Sequence[Cause]]) -> dict[str, float]:
    """Return recall@1, @3 and @5 of the marked words, per dialogue and averaged, as `hef evaluate causes` does."""
    sums = dict.fromkeys((f"at{k}" for k in CUTS), 0.0)
    for row, causes in zip(rows, found, strict=True):
        words = list(dict.fromkeys(c.text[a:b].lower() for c in causes for a, b in word_spans(c.text)))
        for k in CUTS:
            sums[f"at{k}"] += recall(words[:k], row.marked) / len(rows)
    return sums


def fold_of(conversations: Sequence[str], folds: int, seed: int = 0) -> list[int]:
    """Return the fold of each row; rows of one conversation share it.

    Raises:
        SetupError: There are fewer conversations than folds.
    """
    order = sorted(set(conversations))
    if len(order) < folds:
        raise SetupError(
            f"{len(order)} conversations cannot be split into {folds} folds; give more rows or fewer folds"
        )
    random.Random(seed).shuffle(order)
    place = {name: index % folds for index, name in enumerate(order)}
    return [place[name] for name in conversations]


def fit(start: CauseHead, features: Sequence[Features], recipe: CauseRecipe, seed: int) -> CauseHead:
    """Return a head that went on from another: listwise cross-entropy of its scores to what is a cause.

    Raises:
        SetupError: No row tells one word from another.
    """
    usable = [one for one in features if len(one.words) and one.gold.min() < one.gold.max()]
    if not usable:
        raise SetupError(f"none of {len(features)} rows has a marked word to learn from; give rows with marked words")
    torch.manual_seed(seed)
    head = copy.deepcopy(start).train()
    optimizer = torch.optim.AdamW(head.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = math.ceil(len(usable) / recipe.batch_size) * recipe.passes
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps + 1, pct_start=0.1, anneal_strategy="linear"
    )
    lengths = [len(one.ids) for one in usable]
    for number in range(recipe.passes):
        for part in batches(lengths, recipe.batch_size, f"{seed}:{number}"):
            loss = _loss(head, [usable[i] for i in part])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return head.eval()


def scores_of(head: CauseHead, one: Features) -> list[float]:
    """Return the score of each candidate word of one dialogue."""
    if not one.words:
        return []
    with torch.no_grad():
        scores, _ = _word_scores(head, [one])
    return [float(score) for score in scores]


def _loss(head: CauseHead, part: Sequence[Features]) -> Tensor:
    scores, row = _word_scores(head, part)
    gold = torch.cat([one.gold / one.gold.sum() for one in part])
    highest = scores.new_full((len(part),), -torch.inf).scatter_reduce(0, row, scores.detach(), "amax")
    odds = scores.new_zeros(len(part)).scatter_add(0, row, (scores - highest[row]).exp())
    return -(gold * (scores - highest[row] - odds.log()[row])).sum() / len(part)


def _word_scores(head: CauseHead, part: Sequence[Features]) -> tuple[Tensor, Tensor]:
    """Return the score of each word, that of its strongest token, and the row it is of, both [words]."""
    counts = [len(one.words) for one in part]
    row = torch.arange(len(part)).repeat_interleave(torch.tensor(counts))
    shift = [sum(counts[:i]) for i in range(len(part))]
    owner = torch.cat([one.owner + first for one, first in zip(part, shift, strict=True)])
    tokens = head.of_joined(
        torch.cat([one.joined for one in part]).float(),
        torch.cat([one.said for one in part]),
        torch.cat([one.ids for one in part]),
        torch.cat([torch.full_like(one.ids, one.column) for one in part]),
    )
    return tokens.new_full((len(row),), -torch.inf).scatter_reduce(0, owner, tokens, "amax"), row
