"""Explanations in the state, one line per node: why an emotion was decided can be read without opening anything."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from math import exp

from ...contract import Cause, Empathy, Memory, Reading, Safety, Verdict, Why
from .human_review import Review

_LABELS = 3
"""Number of labels whose probabilities are shown."""
_MEMORY_CHARACTERS = 60
"""Characters of a past turn that are quoted."""
MAIN_REASONS = {
    "similarity": "similar meaning",
    "lexical": "shared words",
    "length": "how much it tells",
    "recency": "recency",
    "emotion": "emotion",
}
"""Part of a past turn's relevance -> what it is called."""
_VIEWS = {"dialogue": "the whole dialogue", "speaker": "the person's turns alone", "last_turn": "the last turn alone"}


def explain_safety(safety: Safety) -> str:
    """Return level and kind, and the words that say so; empty where nobody is in danger."""
    if safety.level == "none":
        return "the person was in danger a turn ago" if safety.after_danger else ""
    words = ", ".join(f'"{textwrap.shorten(words, _MEMORY_CHARACTERS)}"' for words in safety.words)
    return f"{safety.level}, {safety.kind or 'of no known kind'}" + (f": {words}" if words else "")


def explain_memories(memories: Sequence[Memory]) -> str:
    """Return what was recalled, and of what was not recalled for its relevance why."""
    is_spread = any(memory.why is not None and memory.why.by == "broad_question" for memory in memories)
    recalled = (
        f'"{textwrap.shorten(memory.text, _MEMORY_CHARACTERS)}"'
        + (f" ({memory.emotion})" if memory.emotion else "")
        + _explain_why(memory.why)
        for memory in memories
    )
    return "asked what is remembered, a spread of it: " * is_spread + "; ".join(recalled)


def _explain_why(why: Why | None) -> str:
    """Return what a turn was recalled by, of one that was recalled for its relevance the strongest part of that."""
    if why is None or why.by == "broad_question":
        return ""
    if why.by != "relevance":
        return f" ({why.by})"
    main = max(MAIN_REASONS, key=lambda part: float(getattr(why, part)))
    share: float = getattr(why, main)
    return f" ({MAIN_REASONS[main]} {share:.0%})" if share else ""


def explain_readings(readings: Sequence[Reading]) -> str:
    """Return what the SEM read in each round."""
    return "; then ".join(map(_explain_reading, readings))


def explain_verdict(verdict: Verdict) -> str:
    """Return what the LLM judged, with its likeliest labels where it scored them."""
    if verdict.left_to_sem:
        return "the LLM was not asked: the SEM is sure, or reads a language that the LLM does not"
    if verdict.model is None:
        return "no LLM was asked"
    emotion = f"names {verdict.emotion}" if verdict.emotion else "names none"
    explanation = f"{verdict.model} {'agrees' if verdict.agreed else 'disagrees'}, {emotion}"
    if not verdict.scores:
        return explanation
    return f"{explanation} (scores: {_top_labels({label: exp(score) for label, score in verdict.scores.items()})})"


def explain_decision(empathy: Empathy) -> str:
    """Return the decision, and whether it is among the primary emotions."""
    top_labels = _top_labels(empathy.distribution)
    if empathy.uncertain:
        return f"{'no feeling in what was said' if empathy.neutral else 'nothing certain was read'} ({top_labels})"
    if not empathy.primary:
        return top_labels
    return f"{top_labels}; {empathy.emotion} is {'not ' * (empathy.stage == 'fine')}among the primary emotions"


def explain_review(before: Empathy, review: Review) -> str:
    """Return what a person said about a decision."""
    if review.kind == "approve":
        return f"a person confirmed {before.emotion}"
    if review.kind == "reject":
        return f"a person rejected {before.emotion}"
    return f"a person chose {review.emotion} for {before.emotion}"


def explain_causes(causes: Sequence[Cause]) -> str:
    """Return the cause words, strongest first."""
    return ", ".join(f"{cause.text} {cause.weight:.0%}" for cause in causes)


def _explain_reading(reading: Reading) -> str:
    explanation = f"{reading.sem or 'the SEM'} on {_VIEWS[reading.view]}: {_top_labels(reading.distribution)}"
    if reading.evidence is None:
        return explanation
    evidence = reading.evidence
    return f"{explanation}; {evidence.hypothesis} {evidence.probability:.1%}, rank {evidence.rank}"


def _top_labels(distribution: Mapping[str, float]) -> str:
    labels = sorted(distribution, key=lambda label: (-distribution[label], label))[:_LABELS]
    return ", ".join(f"{label} {distribution[label]:.0%}" for label in labels)
