"""What each node found, in one line of the state: why an emotion was decided can be read without opening anything."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from math import exp

from ...contract import Cause, Empathy, Memory, Reading, Verdict
from .human_review import Review

_SHOWN = 3
_QUOTED = 60
_VIEWS = {"dialogue": "the whole dialogue", "speaker": "the person's turns alone", "last_turn": "the last turn alone"}


def of_memories(memories: Sequence[Memory]) -> str:
    """Return what was recalled."""
    return "; ".join(
        f'"{textwrap.shorten(memory.text, _QUOTED)}"' + (f" ({memory.emotion})" if memory.emotion else "")
        for memory in memories
    )


def explain_readings(readings: Sequence[Reading]) -> str:
    """Return what the SEM read in each round."""
    return "; then ".join(map(_of_reading, readings))


def explain_verdict(verdict: Verdict) -> str:
    """Return what the LLM judged, with its likeliest labels where it scored them."""
    if verdict.model is None:
        return "no LLM was asked"
    scored = verdict.scores and {label: exp(score) for label, score in verdict.scores.items()}
    named = f"names {verdict.emotion}" if verdict.emotion else "names none"
    return f"{verdict.model} {'agrees' if verdict.agreed else 'disagrees'}, {named}" + (
        f" (scores: {_shares(scored)})" if scored else ""
    )


def explain_decision(empathy: Empathy) -> str:
    """Return the decision, and whether it lies among the primary emotions."""
    shares = _shares(empathy.distribution)
    if not empathy.primary:
        return shares
    return f"{shares}; {empathy.emotion} is {'not ' * (empathy.stage == 'fine')}among the primary emotions"


def explain_review(before: Empathy, review: Review) -> str:
    """Return what a person said about a decision."""
    said = {"approve": f"confirmed {before.emotion}", "reject": f"rejected {before.emotion}"}
    return f"a person {said.get(review.kind) or f'chose {review.emotion} for {before.emotion}'}"


def explain_causes(causes: Sequence[Cause]) -> str:
    """Return the cause words, strongest first."""
    return ", ".join(f"{cause.text} {cause.weight:.0%}" for cause in causes)


def _of_reading(reading: Reading) -> str:
    found = f"{reading.sem or 'the SEM'} on {_VIEWS[reading.view]}: {_shares(reading.distribution)}"
    if reading.evidence is None:
        return found
    about = reading.evidence
    return f"{found}; {about.hypothesis} {about.probability:.1%}, rank {about.rank}"


def _shares(distribution: Mapping[str, float]) -> str:
    likely = sorted(distribution, key=lambda label: (-distribution[label], label))[:_SHOWN]
    return ", ".join(f"{label} {distribution[label]:.0%}" for label in likely)
