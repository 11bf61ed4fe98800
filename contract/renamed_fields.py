"""Fields and SEMs that had another name before: what was stored then is read under the names of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

CONTEXT_FIELDS: Final = {"prompt_fine": "prompt_all_labels"}
"""Old name -> new name of the fields of `HefContext`."""
READING_FIELDS: Final = {"weight": "pool_weight", "dropped": "truncated_turns"}
RECALL_WEIGHT_FIELDS: Final = {
    "meaning": "similarity",
    "words": "lexical",
    "detail": "length",
    "least": "min_similarity",
    "half_life": "half_life_days",
}
WHY_FIELDS: Final = {"meaning": "similarity", "words": "lexical"}
"""Old name -> new name of the fields of `Why`, in checkpoints written on the way from 0.1 to 0.2."""
SEM_DESCRIPTION_FIELDS: Final = {"figures": "metrics"}
SEM_NAMES: Final = {"llm:embedded": "llm:SmolLM2-135M-HEF", "llm:embedded-plain": "llm:SmolLM2-135M-Instruct"}
"""Old name -> new name of a SEM that is the embedded LLM."""


def rename_fields(value: Any, names: Mapping[str, str]) -> Any:
    """Return a mapping with its old field names replaced; any other value as it is.

    A field that is stored under both names keeps both, so that a model that forbids unknown fields refuses it.

    Args:
        value: What a model is validated from.
        names: Old name -> new name.
    """
    if not isinstance(value, Mapping) or names.keys().isdisjoint(value):
        return value
    return {name if (new := names.get(name, name)) in value else new: field for name, field in value.items()}
