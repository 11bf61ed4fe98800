"""What a person is asked about a decision, and what the answer does to it.

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
_SHOWN = 3
_QUOTED, _SAID = 80, 300
"""Characters of a wrong answer and of the person's words that are shown."""


@dataclass(frozen=True, slots=True)
class Review:
    """What a person said about a decision."""

    kind: Kind
    """`approve`: it is right; `edit`: it is another emotion; `reject`: it is not this one."""
    emotion: str | None = None
    """The emotion that was chosen, with `edit`."""


def review_request(empathy: Empathy, said: str, taxonomy: Taxonomy, fault: str = "") -> dict[str, Any]:
    """Return what a person is asked.

    Args:
        empathy: The decision.
        said: The person's last turn.
        taxonomy: The labels to choose from.
        fault: What was wrong with the answer before this one.
    """
    action = {"name": ACTION, "args": {"emotion": empathy.emotion}, "description": _description(empathy, said, fault)}
    config = {"action_name": ACTION, "allowed_decisions": list(KINDS), "args_schema": _arguments(taxonomy)}
    return {"action_requests": [action], "review_configs": [config]}


def answer_schema(taxonomy: Taxonomy) -> dict[str, Any]:
    """Return the JSON schema of an answer, for clients that make a form of it."""
    edited = _object(name={"const": ACTION}, args=_arguments(taxonomy))
    decisions = [
        _object(type={"const": "approve"}),
        _object(type={"const": "edit"}, edited_action=edited),
        _object(type={"const": "reject"}),
    ]
    return _object(decisions={"type": "array", "items": {"oneOf": decisions}, "minItems": 1, "maxItems": 1})


def parse_review(answer: object, taxonomy: Taxonomy) -> Review:
    """Return what an answer says: a `HITLResponse`, one decision of it, or a word: a label, `approve`, `reject`.

    Raises:
        ValueError: It is none of them, or names no label of the set; the message is for the person.
    """
    match _decision(answer):
        case "approve" | {"type": "approve"}:
            return Review("approve")
        case "reject" | {"type": "reject"}:
            return Review("reject")
        case str(named) | {"type": "edit", "edited_action": {"args": {"emotion": str(named)}}}:
            if label := parse_choice(named, taxonomy.labels, taxonomy.synonyms):
                return Review("edit", label)
            raise ValueError(f"{_brief(named)} is none of the emotions")
    raise ValueError(f"{_brief(answer)} is no answer")


def apply_review(empathy: Empathy, review: Review) -> Empathy:
    """Return the decision given what the person said, who is certain.

    The distribution is conditioned on it: all on the emotion that was confirmed or chosen; without
    the one that was rejected, of which the next most probable takes the place.
    """
    if review.kind == "reject":
        rest = {label: 0.0 if label == empathy.emotion else share for label, share in empathy.distribution.items()}
        if not any(rest.values()):
            rest = {label: float(label != empathy.emotion) for label in rest}
        held = {label: share / sum(rest.values()) for label, share in rest.items()}
        emotion = max(held, key=lambda label: held[label])
    else:
        emotion = review.emotion or empathy.emotion
        held = {label: float(label == emotion) for label in empathy.distribution}
    return empathy.model_copy(
        update={
            "emotion": emotion,
            "distribution": held,
            "stage": "coarse" if emotion in empathy.primary or not empathy.primary else "fine",
            "confirmed": review.kind != "reject",
        }
    )


def _description(empathy: Empathy, said: str, fault: str) -> str:
    likely = sorted(empathy.distribution, key=lambda label: -empathy.distribution[label])[:_SHOWN]
    shares = ", ".join(f"{label} {empathy.distribution[label]:.0%}" for label in likely)
    return " ".join(
        filter(
            None,
            [
                f"{fault}; choose one of the set." if fault else "",
                f'How does the person feel who said "{textwrap.shorten(said, _SAID, placeholder="…")}"?',
                f"The small model finds {', '.join(empathy.primary)}; the LLM finds {empathy.hypothesis or 'none'}.",
                f"Together: {shares}.",
            ],
        )
    )


def _decision(answer: object) -> object:
    """Return the one decision of an answer."""
    if isinstance(answer, Mapping) and "decisions" in answer:
        answer = answer["decisions"]
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    return answer


def _brief(given: object) -> str:
    return textwrap.shorten(repr(given), _QUOTED)


def _arguments(taxonomy: Taxonomy) -> dict[str, Any]:
    return _object(emotion={"type": "string", "enum": list(taxonomy.labels), "description": "How the person feels"})


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}
