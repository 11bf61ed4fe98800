"""What a model's failure becomes: an error that names the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..contract import HefError, ModelError


@contextmanager
def model_errors(what: str) -> Iterator[None]:
    """Turn any failure into a `ModelError` that names what failed.

    HEF's own errors pass, and so do an interrupt and the other signals of a graph.
    """
    try:
        yield
    except HefError:
        raise
    except Exception as error:
        from langgraph.errors import GraphBubbleUp  # slow to import, and needed only here

        if isinstance(error, GraphBubbleUp):
            raise
        raise ModelError(f"{what} failed: {type(error).__name__}: {error}") from error
