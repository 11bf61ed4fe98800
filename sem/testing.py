"""Conformance tests for any SEM: a pytest class to derive from; without pytest use `check_sem`."""

from __future__ import annotations

import pytest

from . import conformance as checks
from .conformance import check_sem
from .protocol import EmbeddingSem, Sem

__all__ = ["SemContract", "check_sem"]


class SemContract:
    """The contract of `hef.sem.Sem`, as tests that use a fixture `sem`.

    Derive a class whose name begins with `Test` in a module (or with a conftest) that has the
    fixture. One of scope `module` loads the SEM once.

    Example:
        >>> @pytest.fixture(scope="module")
        ... def sem() -> Sem:
        ...     return MySem()
        >>> class TestMySem(SemContract):
        ...     pass
    """

    def test_description_is_complete_and_cheap(self, sem: Sem) -> None:
        """Name, taxonomy, languages, licence and size are known before any weights are loaded."""
        checks.check_description(sem)

    def test_reading_is_a_distribution_over_the_labels(self, sem: Sem) -> None:
        """Each reading has exactly the taxonomy's labels, finite probabilities, and the sum 1."""
        checks.check_readings(sem)

    def test_batch_reads_as_one_by_one(self, sem: Sem) -> None:
        """Neither order nor neighbours change a reading."""
        checks.check_batches(sem)

    def test_views_read_their_turns(self, sem: Sem) -> None:
        """There is one reading per view, and it records the view."""
        checks.check_views(sem)

    def test_odd_and_very_long_text_is_read(self, sem: Sem) -> None:
        """Blank, malformed, foreign and very long turns raise nothing."""
        checks.check_odd_text(sem)

    def test_causes_have_exact_offsets(self, sem: Sem) -> None:
        """Offsets are exact on the raw text; weights sum to at most 1."""
        checks.check_causes(sem)

    def test_invalid_requests_are_refused(self, sem: Sem) -> None:
        """A dialogue without turns and an unknown emotion raise `SetupError`."""
        checks.check_refusals(sem)

    def test_vectors_have_length_one(self, sem: Sem) -> None:
        """Sentence vectors have the stated width; skipped for SEMs without."""
        if not isinstance(sem, EmbeddingSem):
            pytest.skip("has no sentence vectors")
        checks.check_embedding(sem)
