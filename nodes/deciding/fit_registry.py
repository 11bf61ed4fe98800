"""Pooling weights of SEM-LLM pairs: the caller's own, those that ship with HEF, or the default ones."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from ...contract import PoolingWeights, SetupError
from ...contract.settings.pooling_weights import Form


class FitRegistry:
    """The fits of one SEM; an LLM that a run names gets its own, never that of another.

    Args:
        sem: Name of the SEM.
        custom: The caller's fit, which takes precedence over a shipped one.
    """

    def __init__(self, sem: str, custom: PoolingWeights | None = None) -> None:
        self._sem = sem
        self._custom = custom

    def get(self, model: str, form: Form, reliability: float | None = None) -> PoolingWeights:
        """Return the fit for an LLM that judges in a form; for a pair without one the default of its reliability."""
        fits: list[PoolingWeights] = [*([self._custom] if self._custom else []), *shipped_fits()]
        for fit in fits:
            if (fit.sem, fit.model, fit.form) == (self._sem, model, form):
                return fit
        return PoolingWeights.default(self._sem, model, form, reliability)


def resolve_fit(
    fit: PoolingWeights | Path | str | None, *, sem: str, model: str, labels: Collection[str]
) -> FitRegistry:
    """Return the fits for a SEM, with the caller's one.

    Args:
        fit: A fit, the file of one, or None for those that ship with HEF.
        sem: Name of the SEM.
        model: Name of the LLM.
        labels: The taxonomy.

    Raises:
        SetupError: It cannot be read, belongs to another pair, or names labels outside the taxonomy.
    """
    if fit is None:
        return FitRegistry(sem)
    if not isinstance(fit, PoolingWeights | Path | str):
        raise SetupError(f"fit is {fit!r} ({type(fit).__name__}); give PoolingWeights, the path of their file, or None")
    custom = fit if isinstance(fit, PoolingWeights) else PoolingWeights.from_file(fit)
    if (custom.sem, custom.model) != (sem, model):
        raise SetupError(
            f"the fit is of SEM {custom.sem!r} with LLM {custom.model!r}, but here are SEM {sem!r} and LLM {model!r}; "
            "fit this pair with `hef evaluate emotion --fit FILE`, or leave fit out"
        )
    if unknown := sorted(set(custom.bias) - set(labels)):
        raise SetupError(f"the fit's `bias` names labels that the taxonomy does not have: {unknown}")
    return FitRegistry(sem, custom)


@lru_cache(maxsize=1)
def shipped_fits() -> tuple[PoolingWeights, ...]:
    """Return the fits that ship with HEF."""
    folder = files("hef.nodes.deciding") / "fits"
    if not folder.is_dir():
        return ()
    fit_files = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return tuple(PoolingWeights.model_validate_json(file.read_text(encoding="utf-8")) for file in fit_files)
