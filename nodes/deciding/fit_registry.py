"""Which fit joins a SEM with an LLM: the caller's own, one that ships with HEF, or the cautious default."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from ...contract import PoolingWeights, SetupError
from ...contract.pooling_weights import Form


class FitRegistry:
    """The fits of one SEM; an LLM that is chosen at run time gets its own, never that of another.

    Args:
        sem: Name of the SEM.
        own: The caller's fit, which goes before a shipped one.
    """

    def __init__(self, sem: str, own: PoolingWeights | None = None) -> None:
        self._sem = sem
        self._own = own

    def get(self, model: str, form: Form) -> PoolingWeights:
        """Return the fit for an LLM that judges in a form."""
        own = (self._own,) if self._own else ()
        wanted = (self._sem, model, form)
        known = (fit for fit in (*own, *shipped_fits()) if (fit.sem, fit.model, fit.form) == wanted)
        return next(known, None) or PoolingWeights.default(self._sem, model, form)


def resolve_fit(
    fit: PoolingWeights | Path | str | None, *, sem: str, model: str, labels: Collection[str]
) -> FitRegistry:
    """Return the fits for a SEM, with the one that is given.

    Args:
        fit: A fit, the file of one, or None for those that ship with HEF.
        sem: Name of the SEM.
        model: Name of the LLM.
        labels: The taxonomy.

    Raises:
        SetupError: It cannot be read, belongs to another pair, or names labels that there are not.
    """
    if fit is None:
        return FitRegistry(sem)
    if not isinstance(fit, PoolingWeights | Path | str):
        raise SetupError(f"fit is {fit!r} ({type(fit).__name__}); give a Fit, the path of its file, or None")
    own = fit if isinstance(fit, PoolingWeights) else PoolingWeights.from_file(fit)
    if (own.sem, own.model) != (sem, model):
        raise SetupError(
            f"the fit is of SEM {own.sem!r} with LLM {own.model!r}, but here are SEM {sem!r} and LLM {model!r}; "
            "fit this pair with `hef evaluate emotion --fit FILE`, or leave fit out"
        )
    if strange := sorted(set(own.bias) - set(labels)):
        raise SetupError(f"the fit's `bias` names labels that the taxonomy does not have: {strange}")
    return FitRegistry(sem, own)


@lru_cache(maxsize=1)
def shipped_fits() -> tuple[PoolingWeights, ...]:
    """Return the fits that ship with HEF."""
    folder = files("hef.nodes.deciding") / "fits"
    if not folder.is_dir():
        return ()
    held = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return tuple(PoolingWeights.model_validate_json(file.read_text(encoding="utf-8")) for file in held)
