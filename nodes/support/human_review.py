"""Review of a decision by a person: the question, its answer, and the decision after it.

Question and answer have the shapes of LangChain's human-in-the-loop middleware (`HITLRequest`,
`HITLResponse`), which agent inboxes and chat interfaces read.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from ...contract import Empathy
from ...prompts.label_parser import parse_choice
from ...sem import Taxonomy

ACTION = "confirm_emotion"
"""Name of the action that is reviewed."""
Kind: TypeAlias = Literal["approve", "edit", "reject"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_LABELS = 3
"""Number of labels whose probabilities are shown."""
_ANSWER_CHARACTERS, _TURN_CHARACTERS = 80, 300
"""Characters of a wrong answer and of the person's last turn that are shown."""


@dataclass(frozen=True, slots=True)
class Review:
    """What a person said about a decision."""

    kind: Kind
    """`approve`: it is right; `edit`: it is another emotion; `reject`: it is not this one."""
    emotion: str | None = None
    """The right emotion, with `edit`."""


def review_request(empathy: Empathy, last_turn: str, taxonomy: Taxonomy, fault: str = "") -> dict[str, Any]:
    """Return the question to a person.

    Args:
        empathy: The decision.
        last_turn: Text of the person's last turn.
        taxonomy: The labels to choose from.
        fault: What was wrong with the answer before this one.
    """
    description = _description(empathy, last_turn, fault)
    action = {"name": ACTION, "args": {"emotion": empathy.emotion}, "description": description}
    config = {"action_name": ACTION, "allowed_decisions": list(KINDS), "args_schema": _arguments_schema(taxonomy)}
    return {"action_requests": [action], "review_configs": [config]}


def answer_schema(taxonomy: Taxonomy) -> dict[str, Any]:
    """Return the JSON schema of an answer, for clients that make a form of it."""
    edited = _object(name={"const": ACTION}, args=_arguments_schema(taxonomy))
    decisions = [
        _object(type={"const": "approve"}),
        _object(type={"const": "edit"}, edited_action=edited),
        _object(type={"const": "reject"}),
    ]
    return _object(decisions={"type": "array", "items": {"oneOf": decisions}, "minItems": 1, "maxItems": 1})


def parse_review(answer: object, taxonomy: Taxonomy) -> Review:
    """Parse an answer: a `HITLResponse`, one decision of it, or a word: a label, `approve`, `reject`.

    Raises:
        ValueError: It is none of them, or names no label of the set; the message is for the person.
    """
    match _single_decision(answer):
        case "approve" | {"type": "approve"}:
            return Review("approve")
        case "reject" | {"type": "reject"}:
            return Review("reject")
        case str(text) | {"type": "edit", "edited_action": {"args": {"emotion": str(text)}}}:
            if label := parse_choice(text, taxonomy.labels, taxonomy.synonyms):
                return Review("edit", label)
            raise ValueError(f"{_shortened(text)} is none of the emotions")
    raise ValueError(f"{_shortened(answer)} is no answer")


def apply_review(empathy: Empathy, review: Review) -> Empathy:
    """Return the decision given what the person said, who is certain.

    The distribution is conditioned on it: all of it on the emotion that was confirmed or named; without
    the one that was rejected, which the next most probable replaces.
    """
    if review.kind == "reject":
        others = {label: 0.0 if label == empathy.emotion else p for label, p in empathy.distribution.items()}
        if not any(others.values()):
            others = {label: float(label != empathy.emotion) for label in others}
        distribution = {label: p / sum(others.values()) for label, p in others.items()}
        emotion = max(distribution, key=lambda label: distribution[label])
    else:
        emotion = review.emotion or empathy.emotion
        distribution = {label: float(label == emotion) for label in empathy.distribution}
    return empathy.model_copy(
        update={
            "emotion": emotion,
            "distribution": distribution,
            "stage": "coarse" if emotion in empathy.primary or not empathy.primary else "fine",
            "confirmed": review.kind != "reject",
            "uncertain": empathy.uncertain and review.kind == "reject",
            "neutral": empathy.neutral and review.kind == "reject",
        }
    )


def _description(empathy: Empathy, last_turn: str, fault: str) -> str:
    likely = sorted(empathy.distribution, key=lambda label: -empathy.distribution[label])[:_LABELS]
    probabilities = ", ".join(f"{label} {empathy.distribution[label]:.0%}" for label in likely)
    quotation = textwrap.shorten(last_turn, _TURN_CHARACTERS, placeholder="…")
    return " ".join(
        filter(
            None,
            [
                f"{fault}; choose one of the set." if fault else "",
                f'How does the person feel who said "{quotation}"?',
                f"The small model finds {', '.join(empathy.primary)}; the LLM finds {empathy.hypothesis or 'none'}.",
                f"Together: {probabilities}.",
            ],
        )
    )


def _single_decision(answer: object) -> object:
    """Return the only decision of an answer."""
    if isinstance(answer, Mapping) and "decisions" in answer:
        answer = answer["decisions"]
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    return answer


def _shortened(answer: object) -> str:
    return textwrap.shorten(repr(answer), _ANSWER_CHARACTERS)


def _arguments_schema(taxonomy: Taxonomy) -> dict[str, Any]:
    return _object(emotion={"type": "string", "enum": list(taxonomy.labels), "description": "How the person feels"})


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}
