"""The turn as a node sees it: settings of the run, dialogue, and the LLM's verdict where it is of this turn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from langgraph.runtime import Runtime

from ...contract import HefContext, HefState, Reading, Turn, Verdict
from .run_settings import run_settings
from .transcript import recent_dialogue, run_key


@dataclass(frozen=True)
class TurnView:
    """What a node reads of its turn; each part is computed once, when it is first asked for."""

    state: HefState
    """The graph's state."""
    settings: HefContext
    """Settings of the run."""

    @property
    def dialogue(self) -> list[Turn]:
        """The newest turns up to the person's last one, oldest first.

        Raises:
            InputError: The person has not said anything yet.
        """
        return self._recent[0]

    @property
    def earlier_turns(self) -> int:
        """How many turns came before `dialogue`."""
        return self._recent[1]

    @property
    def readings(self) -> list[Reading]:
        """What the SEM read, one reading per round."""
        return self.state.get("readings") or []

    @cached_property
    def key(self) -> str:
        """What identifies this run of the turn in its thread."""
        return run_key(self.state["messages"])

    @cached_property
    def verdict(self) -> Verdict | None:
        """The LLM's verdict, None where an earlier run left it in the thread."""
        verdict = self.state.get("verdict")
        return verdict if verdict and verdict.turn == self.key else None

    @cached_property
    def disputed_verdict(self) -> Verdict | None:
        """The verdict that the SEM is asked again about, None in the first round of a run.

        A run that failed leaves a verdict of its own, and the same message sent again has the same key: only one that
        led to another round counts.
        """
        settings, verdict = self.settings, self.verdict
        max_requeries = settings.max_requeries if settings.strategy == "two_stage" else 0
        if verdict is None or verdict.agreed or not self.readings or verdict.requeries >= max_requeries:
            return None
        return verdict

    @cached_property
    def _recent(self) -> tuple[list[Turn], int]:
        return recent_dialogue(self.state["messages"], self.settings.dialogue_limit)


def turn_view(state: HefState, runtime: Runtime[Any]) -> TurnView:
    """Return the view of a node on its turn."""
    return TurnView(state, run_settings(runtime))
