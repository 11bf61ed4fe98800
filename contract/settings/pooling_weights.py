"""Pooling weights: how the evidence of one SEM and one LLM is joined, and what that was fitted on."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..errors import SetupError
from ..renamed_fields import SEM_NAMES

Form: TypeAlias = Literal["scored", "generated"]
SHARED_EVIDENCE = 0.4
"""Share of its own evidence that a SEM loses beside an LLM of reliability 1."""
ASK_BELOW = 0.7
"""Probability of the SEM's first choice from which on an unfitted LLM that answers in words is not asked."""
_VOTES = ("vote_first", "vote_primary", "vote_outside")
Weight: TypeAlias = Annotated[float, Field(ge=-20, le=20, allow_inf_nan=False)]


class Origin(BaseModel):
    """The data of a fit, and its likelihood."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = Field(description="Name of the file of conversations")
    samples: int = Field(ge=1, description="Listener turns")
    conversations: int = Field(ge=1, description="Conversations they come from")
    date: str = Field(description="Day of the fit, as in 2026-11-24")
    before: float = Field(description="Mean log-probability of the true label by the SEM alone, in nats")
    after: float = Field(description="The same of the joined evidence")
    held_out: float = Field(description="The same by cross-validation over conversations")


class PoolingWeights(BaseModel):
    """Parameters of the log-linear pooling of one SEM with one LLM, called a fit.

    The log-probability of a label is `sem_weight` times the SEM's, plus `llm_weight` times the
    LLM's score (scored form) or the log-likelihood of its answer (generated form), plus the vote for the label
    that it named (generated form), plus `escape` for each primary emotion when the LLM finds none of them
    fitting, plus `bias`; then all labels are normalised. Where all other parameters are 0, only the SEM's part counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sem: str = Field(description="Name of the SEM")
    model: str = Field(description="Name of the LLM")
    form: Form = Field(description="How the LLM judges")
    sem_weight: Weight = Field(default=1.0, gt=0, description="Weight of the SEM's log-probabilities")
    llm_weight: Weight = Field(
        default=0.0, description="Weight of the LLM's label scores, or of its answer's log-likelihoods; 0 ignores them"
    )
    content_free: bool = Field(
        default=True, description="Whether the LLM's content-free scores are subtracted from its label scores"
    )
    vote_first: Weight = Field(default=0.0, description="A vote for the SEM's own first choice")
    vote_primary: Weight = Field(default=0.0, description="A vote for another of the primary emotions")
    vote_outside: Weight = Field(default=0.0, description="A vote for a label that is not a primary emotion")
    escape: Weight = Field(default=0.0, description="What `none of these` adds to each primary emotion")
    bias: dict[str, Weight] = Field(default_factory=dict, description="Constant added to a label")
    ask_below: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Probability of the SEM's first choice from which on `ask` = `unsure` leaves the LLM unasked; "
        "None asks always",
    )
    origin: Origin | None = Field(default=None, description="How it was fitted; None for the default weights")

    @field_validator("sem")
    @classmethod
    def _read_old_name(cls, sem: str) -> str:
        return SEM_NAMES.get(sem, sem)

    @classmethod
    def default(cls, sem: str, model: str, form: Form, reliability: float | None = None) -> Self:
        """Return the weights of a SEM-LLM pair that nobody has fitted.

        Scores: those of a 135M and of a 1.5B model both fitted to a weight of about 0.15. Answers in words: their
        likelihood under the LLM's estimated reliability counts in full; the more reliable the LLM, the less the
        SEM's own evidence counts, since both read, and misread, the same words. Without an estimate a bare label
        doubles the odds, which suits a judge that is right in 6 of 100 cases of 32 labels.

        Args:
            sem: Name of the SEM.
            model: Name of the LLM.
            form: How the LLM judges.
            reliability: The estimate for an LLM that answers in words, from 0 to 1.
        """
        common = {"sem": sem, "model": model, "form": form, "escape": log(0.75)}
        if form == "scored":
            return cls(**common, llm_weight=0.15)
        if reliability is None:
            return cls(**common, **dict.fromkeys(_VOTES, log(2)))
        return cls(**common, sem_weight=1 - SHARED_EVIDENCE * reliability, llm_weight=1.0, ask_below=ASK_BELOW)

    @classmethod
    def from_file(cls, path: Path | str) -> Self:
        """Read a fit that `hef evaluate emotion --fit` wrote.

        Raises:
            SetupError: The file cannot be read, or does not contain a fit; the message names file and reason.
        """
        file = Path(path).expanduser()
        try:
            return cls.model_validate_json(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise SetupError(f"the fit {file} cannot be read: {error.strerror}") from error
        except (ValidationError, UnicodeDecodeError) as error:
            raise SetupError(
                f"{file} holds no fit ({_first_error(error)}); write one with `hef evaluate emotion --fit FILE`"
            ) from error

    def write(self, path: Path) -> None:
        """Write the file that `from_file` reads, creating its folder if needed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _first_error(error: ValidationError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "no UTF-8 text"
    details = error.errors()[0]
    return f"{'.'.join(map(str, details['loc'])) or 'the whole'}: {details['msg']}"
