"""A tag such as `[joy]` before a reply, by which an avatar changes its face."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..contract import Empathy

ALL = "all"
"""Stands for HEF's own emotions."""
_NEUTRAL = ("neutral", "calm", "normal", "default", "idle", "none")
_JOY = ("joy", "happy", "happiness", "smile", "smiling", "excited", "excitement", "amusement", "fun")
_CALM = ("content", "relaxed", "relief", "calm", *_JOY)
_LOVE = ("love", "caring", "affection", "gratitude", *_JOY)
_PRIDE = ("pride", "proud", "confident", "smirk", *_JOY)
_HOPE = ("optimism", "hopeful", "anticipation", "excitement", *_JOY)
_SAD = ("sadness", "sad", "sorrow", "grief", "crying", "cry", "down")
_ANGER = ("anger", "angry", "mad", "annoyance", "annoyed", "disapproval")
_FEAR = ("fear", "afraid", "scared", "nervousness", "nervous", "worried", "anxious")
_SHAME = ("embarrassment", "embarrassed", "remorse", "ashamed", "shy", "blush", *_SAD)
_SURPRISE = ("surprise", "surprised", "shock", "shocked", "realization")
_DISGUST = ("disgust", "disgusted", *_ANGER)
_FACES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(["afraid", "terrified", "anxious", "apprehensive"], _FEAR),
    **dict.fromkeys(["angry", "furious", "annoyed", "jealous"], _ANGER),
    **dict.fromkeys(["sad", "devastated", "lonely"], _SAD),
    "disappointed": ("disappointment", "disappointed", *_SAD),
    "nostalgic": ("nostalgia", *_SAD),
    "sentimental": ("nostalgia", "love", *_SAD),
    **dict.fromkeys(["ashamed", "embarrassed", "guilty"], _SHAME),
    "disgusted": _DISGUST,
    "surprised": _SURPRISE,
    "impressed": ("admiration", *_SURPRISE),
    **dict.fromkeys(["joyful", "excited"], _JOY),
    **dict.fromkeys(["anticipating", "hopeful"], _HOPE),
    **dict.fromkeys(["confident", "proud", "prepared"], _PRIDE),
    "content": _CALM,
    **dict.fromkeys(["caring", "faithful", "grateful", "trusting"], _LOVE),
}
"""Emotion -> expressions that show it, the best first; they are what avatars and their authors call theirs."""


class EmotionTags:
    """Chooses the tag of a reply, and takes it off again from a transcript.

    Args:
        expressions: What the avatar can show; `all` stands for HEF's own emotions. Without any there is no tag.
    """

    def __init__(self, expressions: Sequence[str]) -> None:
        self._own = ALL in expressions
        self._expressions = {expression.lower(): expression for expression in expressions if expression != ALL}
        names = [r"[\w ]{1,40}"] if self._own else map(re.escape, self._expressions)
        self._tag = re.compile(rf"\s*\[(?:{'|'.join(names)})\][ \t]*", re.IGNORECASE) if expressions else None

    def tag(self, empathy: Empathy | None) -> str:
        """Return the tag and a space; empty where the avatar has no such expression.

        Args:
            empathy: What was understood; None, or what is uncertain, is neutral.
        """
        emotion = None if empathy is None or empathy.uncertain else empathy.emotion
        names = _NEUTRAL if emotion is None else (emotion, *_FACES.get(emotion, ()), *_NEUTRAL)
        known = (names[0] if self._own else None, *map(self._expressions.get, names))
        expression = next(filter(None, known), None)
        return f"[{expression}] " if expression else ""

    def strip(self, text: str) -> str:
        """Return an earlier reply as it was said, without its tag."""
        match = self._tag.match(text) if self._tag else None
        return text[match.end() :] if match else text
