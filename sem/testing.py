"""Tests that any SEM can be held to: for pytest a class to derive from, otherwise `check_sem`."""

from __future__ import annotations

import pytest

from . import conformance as checks
from .conformance import check_sem
from .protocol import EmbeddingSem, Sem

__all__ = ["SemContract", "check_sem"]


class SemContract:
    """The contract of `hef.sem.Sem`, as tests that ask for a fixture `sem`.

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
        """Name, taxonomy, languages, licence and size stand there before any weights are loaded."""
        checks.check_description(sem)

    def test_reading_is_a_distribution_over_the_labels(self, sem: Sem) -> None:
        """Each reading has exactly the taxonomy's labels, finite probabilities, and the sum 1."""
        checks.check_readings(sem)

    def test_batch_reads_as_one_by_one(self, sem: Sem) -> None:
        """Neither order nor neighbours change a reading."""
        checks.check_batches(sem)

    def test_views_look_at_their_turns(self, sem: Sem) -> None:
        """There is one reading a view, and it says which."""
        checks.check_views(sem)

    def test_odd_and_endless_text_is_read_without_harm(self, sem: Sem) -> None:
        """Blank, broken, foreign and very long turns do no harm."""
        checks.check_odd_text(sem)

    def test_causes_stand_in_the_text(self, sem: Sem) -> None:
        """Offsets are exact on the raw text, weights are shares."""
        checks.check_causes(sem)

    def test_what_cannot_be_answered_is_refused(self, sem: Sem) -> None:
        """A dialogue without turns and an unknown emotion raise `SetupError`."""
        checks.check_refusals(sem)

    def test_vectors_have_length_one(self, sem: Sem) -> None:
        """Sentence vectors have the stated width; SEMs without are skipped."""
        if not isinstance(sem, EmbeddingSem):
            pytest.skip("gives no sentence vectors")
        checks.check_embedding(sem)
