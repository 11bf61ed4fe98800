"""From a SEM to the same SEM with a head that reads the last turn: samples, training, export, scales."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....contract import Turn
from ....contract.progress import Progress, ignore_progress
from ....data.conversations import Conversation
from ....data.labelled_chats import LabelledChat
from ....sem.runtime.manifest import NETWORK, TOKENIZER, Manifest, ScoreScale, sha256_digest
from ....sem.runtime.onnx_runner import OnnxRunner
from ....sem.runtime.topic_turns import turn_means
from .head_training import restore_sem
from .turn_export import export_turn_head
from .turn_head import TurnHead
from .turn_samples import (
    TurnSample,
    chat_samples,
    chat_windows,
    conversation_samples,
    is_held_out,
    joined_samples,
    shipped_exchanges,
    single_samples,
    training_chats,
)
from .turn_training import TurnExample, TurnRecipe, read_examples, train_turn_head

FELT_CALLED_NEUTRAL = 0.025
"""Share of the conversations' turns that may be called neutral; each of these carries an emotion."""
CONVERSATIONS_FOR_SCALES = 500
BEGINNINGS = 4
"""Of a conversation at most, where there are few for the scales."""
MIN_SLOPE = 0.01
"""Of a score that tells nothing."""


class TurnData(NamedTuple):
    """What the head is trained on, beside the chats and exchanges that ship."""

    english: Sequence[Conversation]
    chinese: Sequence[Conversation] = ()
    plain: Sequence[Sequence[Turn]] = ()
    """Turns in which nothing is felt."""
    felt: Sequence[Sequence[Turn]] = ()
    """Turns in which something is felt."""


class SampleCounts(NamedTuple):
    """How many dialogues are made of conversations."""

    english: int = 5000
    english_joined: int = 3000
    english_brief: int = 800
    """Joined with one exchange before."""
    chinese: int = 6000
    chinese_joined: int = 2500
    chinese_brief: int = 700


DEFAULT_COUNTS = SampleCounts()


def draw_samples(data: TurnData, counts: SampleCounts, seed: int) -> list[TurnSample]:
    """Return all samples of a training."""
    chats = [chat for chat in training_chats() if not is_held_out(chat)]
    samples = [*chat_samples(chats), *chat_windows(chats, seed)]
    for language, conversations, alone, joined, brief in (
        ("en", data.english, counts.english, counts.english_joined, counts.english_brief),
        ("zh", data.chinese, counts.chinese, counts.chinese_joined, counts.chinese_brief),
    ):
        if conversations:
            samples += conversation_samples(conversations, language, alone, seed + 1)
            talk = (conversations, shipped_exchanges(language), language)
            samples += joined_samples(*talk, joined, seed + 2)
            samples += joined_samples(*talk, brief, seed + 3, is_brief=True)
    return [*samples, *single_samples(data.plain, is_felt=False), *single_samples(data.felt, is_felt=True)]


def add_turn_head(
    source: Path,
    target: Path,
    data: TurnData,
    recipe: TurnRecipe,
    counts: SampleCounts = DEFAULT_COUNTS,
    report: Callable[[int, int, float], None] = lambda step, steps, loss: None,
    progress: Progress = ignore_progress,
) -> Manifest:
    """Write a SEM that reads the last turn of a dialogue, and return its manifest.

    Its calibration is that of the SEM before; `hef train calibrate` fits it anew.

    Args:
        source: Folder of an exported SEM of six layers.
        target: Folder to write.
        data: Conversations and turns.
        recipe: Settings of the training.
        counts: How many samples are made of the conversations.
        report: Called after each step of the training.
        progress: Called while the SEM reads the samples.
    """
    manifest = Manifest.load(source)
    examples = read_examples(source, draw_samples(data, counts, recipe.seed), recipe.most_tokens, progress)
    head = new_turn_head(source)
    train_turn_head(head, examples, manifest.labels, recipe, report)
    return write_turn_sem(head, source, target, examples, data.english)


def write_turn_sem(
    head: TurnHead,
    source: Path,
    target: Path,
    examples: Sequence[TurnExample],
    conversations: Sequence[Conversation],
    chats: Sequence[LabelledChat] | None = None,
) -> Manifest:
    """Write the folder of a SEM with a trained head, its scales fitted on chats that were held out.

    Args:
        head: The trained head.
        source: Folder of the SEM that it was trained on.
        target: Folder to write.
        examples: Of the training, for the ranges of what is quantised.
        conversations: Labelled conversations: hardly any turn of theirs may be called neutral.
        chats: Chats for the scales; None means those that were held out of the training.
    """
    held_out = [chat for chat in training_chats() if is_held_out(chat)] if chats is None else chats
    target.mkdir(parents=True, exist_ok=True)
    export_turn_head(head, source / NETWORK, target / NETWORK, [one.features for one in examples])
    if target != source:
        shutil.copyfile(source / TOKENIZER, target / TOKENIZER)
    neutral, topic = _fit_scales(target, Manifest.load(source).max_tokens, held_out, conversations)
    digests = {name: sha256_digest(target / name) for name in (NETWORK, TOKENIZER)}
    manifest = Manifest.load(source).model_copy(update={"neutral": neutral, "topic": topic, "sha256": digests})
    manifest.write(target)
    return manifest


def _fit_scales(
    folder: Path, max_tokens: int, chats: Sequence[LabelledChat], conversations: Sequence[Conversation]
) -> tuple[ScoreScale, ScoreScale]:
    """Return the scales of the neutral and of the topic score."""
    samples = [*chat_samples(chats)]
    count = min(CONVERSATIONS_FOR_SCALES, BEGINNINGS * len(conversations))
    felt = [*conversation_samples(conversations, "en", count, seed=7)]
    runner = OnnxRunner(folder, max_tokens)
    encoded = runner.encode([sample.turns for sample in [*samples, *felt]])
    neutral, topic = runner.run(encoded, "neutral", "topic")
    scores = np.array([float(score) for score in neutral])
    slope, offset = _fit_scale(scores, np.array([sample.emotion == "" for sample in [*samples, *felt]]))
    highest = float(np.quantile(scores[len(samples) :], 1 - FELT_CALLED_NEUTRAL))
    means: list[float] = []
    same: list[bool] = []
    for sample, one, tokens in zip(samples, encoded, topic, strict=False):
        earlier = [(turn, mean) for turn, mean in turn_means(one, tokens).items() if turn < len(sample.turns) - 1]
        means += [mean for _, mean in earlier]
        same += [sample.same_topic[turn] for turn, _ in earlier]
    topic_slope, topic_offset = _fit_scale(np.array(means), np.array(same))
    return ScoreScale(slope=slope, offset=min(offset, -slope * highest)), ScoreScale(
        slope=topic_slope, offset=topic_offset
    )


def _fit_scale(scores: NDArray[np.float64], is_true: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and offset that make scores log odds (Platt, 1999)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e3).fit(scores[:, None], is_true)
    return max(float(model.coef_[0, 0]), MIN_SLOPE), float(model.intercept_[0])


def new_turn_head(source: Path) -> TurnHead:
    """Return an untrained head of a SEM, which reads as the SEM does."""
    return TurnHead(*restore_sem(source))
