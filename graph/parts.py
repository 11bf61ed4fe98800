"""The parts that a graph is built from, resolved and validated once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from langchain_core.language_models import BaseChatModel

from ..contract import PoolingWeights, SetupError
from ..llm import model_name, resolve_model
from ..nodes import FitRegistry, resolve_fit
from ..prompts import Overrides, Prompts
from ..sem import Sem, Taxonomy, resolve_sem


@dataclass(frozen=True, slots=True)
class Parts:
    """Models, labels, prompts and pooling weights of a graph."""

    model: BaseChatModel
    """The LLM."""
    sem: Sem
    """The small empathetic model."""
    taxonomy: Taxonomy
    """The labels with neighbours and synonyms; the same labels as those of the SEM."""
    prompts: Prompts
    """The prompt templates."""
    fits: FitRegistry
    """Pooling weights of the SEM with each LLM."""

    @classmethod
    def resolve(
        cls,
        *,
        model: BaseChatModel | str | None = None,
        sem: Sem | str | None = None,
        taxonomy: Taxonomy | None = None,
        prompts: Overrides | None = None,
        fit: PoolingWeights | Path | str | None = None,
    ) -> Self:
        """Resolve the arguments of `create_hef`.

        Raises:
            SetupError: An argument is wrong, or the weights it needs are not installed.
        """
        resolved_sem, llm = resolve_sem(sem), resolve_model(model)
        templates = Prompts(prompts)
        description = resolved_sem.description
        if taxonomy is not None and not isinstance(taxonomy, Taxonomy):
            raise SetupError(
                f"taxonomy is {taxonomy!r}; give a hef.sem.Taxonomy with the labels of SEM {description.name!r}, "
                "or leave it out"
            )
        if taxonomy is not None and set(taxonomy.labels) != set(description.taxonomy.labels):
            raise SetupError(
                f"taxonomy {taxonomy.name!r} has other labels than SEM {description.name!r} reads; "
                "give a SEM for these labels, or leave taxonomy out"
            )
        fits = resolve_fit(fit, sem=description.name, model=model_name(llm), labels=description.taxonomy.labels)
        return cls(llm, resolved_sem, taxonomy or description.taxonomy, templates, fits)
