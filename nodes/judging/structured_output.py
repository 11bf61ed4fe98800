"""Structured output: which chat models really have it, what is asked of them, how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel

from ...contract import ModelError
from ...prompts.label_parser import parse_choice
from ...sem import Taxonomy
from .judgement_prompt import JudgementPrompt

NONE = "none"
"""The escape: no label fits."""


def gives_structure(model: BaseChatModel) -> bool:
    """Say whether a chat model can give structured output.

    What its profile says counts; without one, a model can that has its own `with_structured_output`
    or `bind_tools`: the base class only refuses.
    """
    profile = model.profile or {}
    known = [bool(profile[key]) for key in ("structured_output", "tool_calling") if key in profile]
    kind = type(model)
    own = (
        kind.with_structured_output is not BaseChatModel.with_structured_output
        or kind.bind_tools is not BaseChatModel.bind_tools
    )
    return own and (any(known) or not known)


def judgement_schema(question: JudgementPrompt) -> dict[str, Any]:
    """Return the JSON schema of an answer: an offered label or "none", and then the label that fits best."""
    properties = {
        "emotion": {
            "type": "string",
            "enum": list(dict.fromkeys([*question.offered, NONE])),
            "description": "How the speaker feels; none where no word of these fits",
        },
        "hypothesis": {
            "type": "string",
            "enum": list(dict.fromkeys([*question.labels, NONE])),
            "description": "Where the emotion is none, the word that fits best; else none",
        },
    }
    return {
        "title": "Judgement",
        "description": "How the speaker feels",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def read_structure(answer: object, taxonomy: Taxonomy) -> str | None:
    """Return the label of an answer, None where it escapes without naming one.

    Raises:
        ModelError: The answer has not the form of the schema.
    """
    if not isinstance(answer, Mapping) or not isinstance(answer.get("emotion"), str):
        raise ModelError("the LLM's structured output has no text under `emotion`")
    said = [answer["emotion"], answer.get("hypothesis")]
    found = [parse_choice(text, taxonomy.labels, taxonomy.synonyms) for text in said if isinstance(text, str)]
    return next((label for label in found if label), None)
