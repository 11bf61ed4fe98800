"""Training of the cause head on a frozen trunk whose hidden states are computed once."""

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
from ...data.cause_annotations import AnnotatedDialogue, cause_recall
from ...sem.runtime.cause_ranking import rank
from ...sem.runtime.encoding import DialogueEncoder
from ..trainer import length_bucketed_batches
from .cause_head import CauseFeatures, CauseHead, build_lexicon, read_features, select_layers
from .emotion_network import EmotionNetwork

CUTOFFS = (1, 3, 5)
"""The k of recall@k."""


@dataclass(frozen=True, slots=True)
class CauseRecipe:
    """Shape and schedule of the cause head."""

    inner: int = 256
    """Hidden units."""
    dropout: float = 0.4
    """Dropout rate of inputs and hidden units."""
    passes: int = 5
    """Passes over the dialogues."""
    batch_size: int = 32
    """Dialogues per step."""
    learning_rate: float = 1e-3
    """Highest, after a warm-up of a tenth of the steps; falls to 0."""
    weight_decay: float = 0.05
    """AdamW's weight decay."""


SHIPPED = CauseRecipe()
"""The recipe of the shipped SEM's cause head for marked words."""
WEAK = CauseRecipe(passes=3)
"""The recipe for weak supervision by labels alone, before that."""


def new_cause_head(
    network: EmotionNetwork, encoder: DialogueEncoder, labels: int, recipe: CauseRecipe, seed: int
) -> CauseHead:
    """Return an untrained head for a network."""
    torch.manual_seed(seed)
    lexicon, layers = build_lexicon(encoder.tokenizer), select_layers(network.depth)
    return CauseHead(network.width, labels, lexicon, layers=layers, inner=recipe.inner, dropout=recipe.dropout)


def train_on_dialogues(
    network: EmotionNetwork,
    encoder: DialogueEncoder,
    rows: Sequence[AnnotatedDialogue],
    labels: Sequence[str],
    *,
    start: CauseHead | None = None,
    recipe: CauseRecipe = SHIPPED,
    seed: int = 0,
) -> CauseHead:
    """Train a cause head on all rows; the network is not changed.

    Args:
        network: Its trunk computes the hidden states.
        encoder: Turns to token ids, with that trunk's tokenizer.
        rows: Dialogues with marked words.
        labels: Emotions in the order of the network's logits.
        start: The head to start from; None means an untrained one.
        recipe: Shape and schedule.
        seed: Seed of initial weights, dropout and order.

    Raises:
        SetupError: No row has a marked word to learn from.
    """
    start = start or new_cause_head(network, encoder, len(labels), recipe, seed)
    return train_cause_head(start, read_features(network, encoder, rows, labels), recipe, seed)


def cross_validate(
    network: EmotionNetwork,
    encoder: DialogueEncoder,
    rows: Sequence[AnnotatedDialogue],
    labels: Sequence[str],
    *,
    start: CauseHead | Callable[[Collection[str]], CauseHead] | None = None,
    recipe: CauseRecipe = SHIPPED,
    seed: int = 0,
    extra: Sequence[AnnotatedDialogue] = (),
    folds: int = 5,
) -> list[tuple[Cause, ...]]:
    """Return the causes of each row by a head that was trained without the rows of its conversation.

    Args:
        network: Its trunk computes the hidden states.
        encoder: Turns to token ids.
        rows: Dialogues to evaluate on.
        labels: Emotions in the order of the network's logits.
        start: The head to start from, trained on no row; or a function that returns one trained on no row of
            the conversations it is given. None means an untrained head.
        recipe: Shape and schedule.
        seed: Seed of the folds and of training.
        extra: Dialogues for training only; for each fold without those of its conversations.
        folds: Parts of the conversations.

    Raises:
        SetupError: There are fewer conversations than folds, or none with a marked word.
    """
    fold_numbers = assign_folds([row.conv_id for row in rows], folds, seed)
    features = read_features(network, encoder, rows, labels)
    extra_features = read_features(network, encoder, extra, labels)
    start = start or new_cause_head(network, encoder, len(labels), recipe, seed)
    causes: list[tuple[Cause, ...]] = [()] * len(rows)
    for fold in range(folds):
        held_out = [index for index, number in enumerate(fold_numbers) if number == fold]
        hidden = {rows[index].conv_id for index in held_out}
        training = [
            example
            for row, example in zip((*rows, *extra), features + extra_features, strict=True)
            if row.conv_id not in hidden
        ]
        initial = start if isinstance(start, CauseHead) else start(hidden)
        head = train_cause_head(initial, training, recipe, seed)
        for index in held_out:
            causes[index] = _causes(head, rows[index], features[index])
    return causes


def find_causes(
    network: EmotionNetwork,
    encoder: DialogueEncoder,
    head: CauseHead,
    rows: Sequence[AnnotatedDialogue],
    labels: Sequence[str],
) -> list[tuple[Cause, ...]]:
    """Return the causes of each row by a head."""
    features = read_features(network, encoder, rows, labels)
    return [_causes(head, row, example) for row, example in zip(rows, features, strict=True)]


def _causes(head: CauseHead, row: AnnotatedDialogue, example: CauseFeatures) -> tuple[Cause, ...]:
    return rank(row.turns, example.words, score_words(head, example), max(CUTOFFS))


def mean_recall(rows: Sequence[AnnotatedDialogue], causes_per_row: Sequence[Sequence[Cause]]) -> dict[str, float]:
    """Return recall@1, @3 and @5 of the marked words, averaged over dialogues as in `hef evaluate causes`."""
    sums = dict.fromkeys((f"at{k}" for k in CUTOFFS), 0.0)
    for row, causes in zip(rows, causes_per_row, strict=True):
        words = list(dict.fromkeys(c.text[a:b].lower() for c in causes for a, b in word_spans(c.text)))
        for k in CUTOFFS:
            sums[f"at{k}"] += cause_recall(words[:k], row.annotations) / len(rows)
    return sums


def assign_folds(conversations: Sequence[str], folds: int, seed: int = 0) -> list[int]:
    """Return the fold of each row; rows of one conversation are in the same fold.

    Raises:
        SetupError: There are fewer conversations than folds.
    """
    order = sorted(set(conversations))
    if len(order) < folds:
        raise SetupError(
            f"{len(order)} conversations cannot be split into {folds} folds; give more rows or fewer folds"
        )
    random.Random(seed).shuffle(order)
    fold_by_name = {name: index % folds for index, name in enumerate(order)}
    return [fold_by_name[name] for name in conversations]


def train_cause_head(start: CauseHead, features: Sequence[CauseFeatures], recipe: CauseRecipe, seed: int) -> CauseHead:
    """Return a trained copy of a head; the loss is the listwise cross-entropy of word scores and targets.

    Raises:
        SetupError: In no row do the targets of the words differ.
    """
    usable = [one for one in features if len(one.words) and one.targets.min() < one.targets.max()]
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
        for batch in length_bucketed_batches(lengths, recipe.batch_size, f"{seed}:{number}"):
            loss = _loss(head, [usable[i] for i in batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return head.eval()


def score_words(head: CauseHead, example: CauseFeatures) -> list[float]:
    """Return the score of each candidate word of one dialogue."""
    if not example.words:
        return []
    with torch.no_grad():
        scores, _ = _batch_scores(head, [example])
    return [float(score) for score in scores]


def _loss(head: CauseHead, batch: Sequence[CauseFeatures]) -> Tensor:
    scores, row = _batch_scores(head, batch)
    targets = torch.cat([one.targets / one.targets.sum() for one in batch])
    highest = scores.new_full((len(batch),), -torch.inf).scatter_reduce(0, row, scores.detach(), "amax")
    odds = scores.new_zeros(len(batch)).scatter_add(0, row, (scores - highest[row]).exp())
    return -(targets * (scores - highest[row] - odds.log()[row])).sum() / len(batch)


def _batch_scores(head: CauseHead, batch: Sequence[CauseFeatures]) -> tuple[Tensor, Tensor]:
    """Return the score of each word, the highest of its tokens', and the row it belongs to, both [words]."""
    counts = [len(one.words) for one in batch]
    row = torch.arange(len(batch)).repeat_interleave(torch.tensor(counts))
    offsets = [sum(counts[:i]) for i in range(len(batch))]
    word = torch.cat([one.word_index + offset for one, offset in zip(batch, offsets, strict=True)])
    tokens = head.score_tokens(
        torch.cat([one.states for one in batch]).float(),
        torch.cat([one.centred_logits for one in batch]),
        torch.cat([one.ids for one in batch]),
        torch.cat([torch.full_like(one.ids, one.label) for one in batch]),
    )
    return tokens.new_full((len(row),), -torch.inf).scatter_reduce(0, word, tokens, "amax"), row
