"""Structured output of a judgement: which chat models have it, its schema, and how an answer is parsed."""

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
    """Return whether a chat model can give structured output.

    Its profile decides; a model without one can if it has its own `with_structured_output`
    or `bind_tools`: the base class only refuses.
    """
    profile = model.profile or {}
    capabilities = [bool(profile[key]) for key in ("structured_output", "tool_calling") if key in profile]
    kind = type(model)
    is_implemented = (
        kind.with_structured_output is not BaseChatModel.with_structured_output
        or kind.bind_tools is not BaseChatModel.bind_tools
    )
    return is_implemented and (any(capabilities) or not capabilities)


def judgement_schema(prompt: JudgementPrompt) -> dict[str, Any]:
    """Return the JSON schema of an answer: an offered label or "none", and then the label that fits best."""
    properties = {
        "emotion": {
            "type": "string",
            "enum": list(dict.fromkeys([*prompt.offered, NONE])),
            "description": "How the speaker feels; none where no word of these fits",
        },
        "hypothesis": {
            "type": "string",
            "enum": list(dict.fromkeys([*prompt.labels, NONE])),
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
        ModelError: The answer does not have the form of the schema.
    """
    if not isinstance(answer, Mapping) or not isinstance(answer.get("emotion"), str):
        raise ModelError("the LLM's structured output has no text under `emotion`")
    texts = [answer["emotion"], answer.get("hypothesis")]
    labels = [parse_choice(text, taxonomy.labels, taxonomy.synonyms) for text in texts if isinstance(text, str)]
    return next((label for label in labels if label), None)
