"""Options of `hef evaluate emotion`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from ..error_messages import Misuse
from ..options import ModelOptions, OutputOptions, Plots, StrategyName, model_option, option

STRATEGIES: tuple[StrategyName, ...] = ("sem_only", "llm_only", "one_prompt", "two_stage")


@dataclass(frozen=True, slots=True)
class JudgeOptions(ModelOptions):
    """The SEM, and an LLM or a judge in its place."""

    model: Annotated[
        str | None,
        model_option(
            "; or one that answers in rounds: batch:<folder>; or answers in a file: recorded:<file>; or a scripted "
            "judge: oracle:<how often it is right>, constant:<label>, adversary"
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """Strategies, and further measurements."""

    panel: ClassVar = "Emotion"
    strategy: Annotated[
        Literal["sem_only", "llm_only", "one_prompt", "two_stage", "all"],
        option("How the emotion is decided; all measures them side by side."),
    ] = "sem_only"
    ablate: Annotated[
        bool, option("Also measure two_stage without each of its parts, and with other primary emotions.", "--ablate")
    ] = False
    second_look: Annotated[
        bool, option("Also measure what a second look at the least certain third gains.", "--second-look")
    ] = False
    shift: Annotated[
        bool, option("Measure turns behind other talk instead: joined conversations, whose topic changes.", "--shift")
    ] = False
    record: Annotated[bool, option("Write the SEM's own figures into its folder, for `hef sems`.", "--record")] = False

    @property
    def strategies(self) -> tuple[StrategyName, ...]:
        """Return the strategies to measure."""
        return STRATEGIES if self.strategy == "all" else (self.strategy,)

    def answerable(self, answered: Collection[StrategyName]) -> tuple[StrategyName, ...]:
        """Return the strategies to measure with answers that were recorded for some; `all` means those.

        Raises:
            Misuse: Parts of two_stage are to be taken away, which changes what the LLM is asked.
        """
        if self.ablate:
            raise Misuse("--ablate asks other questions than the recorded ones; give an LLM, or leave it out")
        names = self.strategies
        return tuple(name for name in names if name in ("sem_only", *answered)) if self.strategy == "all" else names


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How SEM and LLM are joined."""

    panel: ClassVar = "Fit"
    fit: Annotated[
        Path | None,
        option(
            "Fit the join on a part of the conversations and write it there; the figures are of the others.",
            metavar="FILE",
        ),
    ] = None
    fit_share: Annotated[
        float, option("Fraction of the conversations to fit on.", metavar="FRACTION", min=0.05, max=0.95)
    ] = 0.5
    cross_fit: Annotated[
        bool,
        option(
            "Also fit on the others and measure on those, so that all are measured; the file gets a fit of all.",
            "--cross-fit",
        ),
    ] = False
    fitted: Annotated[
        Path | None,
        option(
            "Join with this file, which --fit wrote before; otherwise with the pair's shipped fit or the default.",
            metavar="FILE",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class EmotionOutput(OutputOptions):
    """Where figures, answers and plots go."""

    run: Annotated[
        Path | None,
        option("Keep the LLM's answers there, resume a stopped run, and write report.md with plots.", metavar="FOLDER"),
    ] = None
    plots: Plots = None


def check_options(measure: MeasureOptions, fitting: FitOptions) -> None:
    """Refuse options that do not belong together.

    Raises:
        Misuse: They do not; the message says what is missing.
    """
    if measure.shift and (measure.ablate or measure.second_look or measure.record or fitting.fit):
        raise Misuse("--shift measures other contexts; leave out --ablate, --second-look, --record and --fit")
    for requested, flag in ((measure.second_look, "--second-look"), (measure.record, "--record")):
        if requested and "sem_only" not in measure.strategies:
            raise Misuse(f"{flag} is about the SEM alone; add --strategy sem_only (or all)")
    of_pair = {"--fit": fitting.fit, "--fitted": fitting.fitted, "--ablate": measure.ablate}
    for flag, value in of_pair.items():
        if value and "two_stage" not in measure.strategies:
            raise Misuse(f"{flag} is about SEM and LLM together; add --strategy two_stage (or all)")
    if fitting.cross_fit and not fitting.fit:
        raise Misuse("--cross-fit is about how the join is fitted; add --fit FILE")
    if fitting.fit and fitting.fitted:
        raise Misuse("--fit writes a fit and --fitted reads one; give one of them")
