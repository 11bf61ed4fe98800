"""A tag such as `[joy]` before a reply, by which an avatar changes its face."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...contract import Empathy, Reading
from .expressions import EXPRESSIONS, expression_scores

ALL = "all"
"""Stands for HEF's own emotions."""
NEUTRAL = "neutral"
_RELATED = 0.5
"""What a face counts that an expression may stand for, beside the one that it is named after."""
_CLEAR = 0.2
"""How well an expression fits at least; below it the face is neutral."""
_HAPPY = (
    "joy",
    "amusement",
    "excitement",
    "optimism",
    "pride",
    "relief",
    "approval",
    "gratitude",
    "love",
    "admiration",
)
_SAD = ("sadness", "grief", "disappointment", "remorse")
_ANGRY = ("anger", "annoyance", "disapproval")
_AFRAID = ("fear", "nervousness")
_SURPRISED = ("surprise", "realization", "confusion")
_LOVING = ("love", "caring", "admiration", "gratitude")
_ASHAMED = ("embarrassment", "remorse")
_PLAIN = (NEUTRAL,)
_FAMILIES: Mapping[tuple[str, ...], str] = {
    _HAPPY: "joy happy happiness smile smiling cheerful fun laugh laughing",
    _SAD: "sadness sad sorrow cry crying tears unhappy down",
    _ANGRY: "anger angry mad furious",
    _AFRAID: "fear afraid scared worried anxious nervous",
    _SURPRISED: "surprise surprised shock shocked",
    ("disgust", "disapproval"): "disgust disgusted",
    _LOVING: "love loving affection heart",
    _ASHAMED: "embarrassment embarrassed shy blush ashamed",
    ("pride", "amusement", "approval"): "pride proud smirk confident",
    ("excitement", "joy"): "excitement excited",
    ("relief", "approval"): "relief relaxed content",
    ("curiosity", "confusion"): "curiosity curious think thinking question",
    _PLAIN: "neutral calm normal default idle",
}
"""Faces, the first of which the expressions are named after -> what avatars and their authors call them."""
_FACES = {name: faces for faces, names in _FAMILIES.items() for name in names.split()}


class EmotionTags:
    """Chooses the tag of a reply, and takes it off again from a transcript.

    Args:
        expressions: What the avatar can show; `all` stands for HEF's own emotions. Without any there is no tag.
    """

    def __init__(self, expressions: Sequence[str]) -> None:
        self._is_own = ALL in expressions
        self._expressions = tuple(expressions)
        names = r"[\w -]{1,40}" if self._is_own else "|".join(map(re.escape, expressions))
        self._tag = re.compile(rf"\s{{0,9}}\[(?:{names})\]\s{{0,9}}", re.IGNORECASE) if expressions else None

    def tag(self, empathy: Empathy | None) -> str:
        """Return the tag and a space; empty where the avatar has no expression for it, and before the text for danger.

        Args:
            empathy: What was understood; None, or what is uncertain, is neutral.
        """
        if empathy is not None and empathy.safety.level == "danger":
            return ""
        is_neutral = empathy is None or empathy.uncertain
        if self._is_own:
            expression: str | None = NEUTRAL if empathy is None or is_neutral else empathy.emotion
        else:
            scores = dict.fromkeys(EXPRESSIONS, 0.0) | {NEUTRAL: _CLEAR}
            if empathy is not None and not is_neutral:
                scores = expression_scores(Reading(distribution=empathy.distribution)) | {NEUTRAL: _CLEAR}
            fitting = {name: fit for name in self._expressions if (fit := _fit(name, scores)) >= _CLEAR}
            expression = max(fitting, key=lambda name: fitting[name], default=None)
        return f"[{expression}] " if expression else ""

    def untagged(self, text: str) -> str:
        """Return an earlier reply as it was said, without its tag."""
        match = self._tag.match(text) if self._tag else None
        return text[match.end() :] if match else text


def _fit(expression: str, scores: Mapping[str, float]) -> float:
    """Return how well an expression shows what is felt."""
    own, *related = _FACES.get(expression.lower(), (expression.lower(),))
    return scores.get(own, 0.0) + _RELATED * sum(scores[face] for face in related)
