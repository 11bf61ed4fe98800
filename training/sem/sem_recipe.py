"""The recipes of a SEM: all settings that determine the result of a training run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class SemRecipe(BaseModel):
    """The settings of one training run; the defaults train the 22 M encoder from labels alone.

    The shipped SEM was trained in two rounds with teachers (`sem/MODEL_CARD.md`).

    Two runs of one recipe and seed see the same batches.
    """

    model_config = ConfigDict(frozen=True)

    backbone: str = Field(
        default="sentence-transformers/all-MiniLM-L6-v2", description="Hub id or folder of a BERT-like encoder"
    )
    starts: tuple[str, ...] = Field(
        default=(), description="Folders of finished runs of the same backbone; the run starts from their mean weights"
    )
    passes: float = Field(
        default=4, ge=0, description="Passes over the conversations; 1.5 ends within the second one, 0 keeps the start"
    )
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=8e-5, gt=0)
    warmup: float = Field(default=0.06, ge=0, le=1, description="Share of steps with a rising learning rate")
    weight_decay: float = Field(default=0.01, ge=0)
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout within the trunk; costs a tenth of the time")
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    frozen_layers: int = Field(
        default=0, ge=0, description="Number of the lowest layers that are frozen, with the embeddings; 0 trains all"
    )
    max_tokens: int = Field(default=192, ge=8, le=512)
    situations: bool = Field(default=True, description="Also train on each conversation's situation sentence")
    speaker_view: float = Field(default=0.15, ge=0, le=1, description="Share of prefixes without the listener's turns")
    last_turn_view: float = Field(
        default=0, ge=0, le=1, description="Share of prefixes that are cut to their last turn"
    )
    teachers: tuple[str, ...] = Field(
        default=(), description="Folders of finished runs whose soft labels are learned, too"
    )
    teacher_weight: float = Field(
        default=0.7, ge=0, le=1, description="Share of the loss for the teachers' soft labels"
    )
    teacher_temperature: float = Field(
        default=2.0, gt=0, description="Temperature of both distributions (Hinton et al., 2015)"
    )
    feature_weight: float = Field(
        default=0, ge=0, description="Weight of the cosine distance to the teachers' features, through a linear map"
    )
    agreement_weight: float = Field(
        default=0, ge=0, description="Weight of the divergence of two readings under dropout (R-Drop); doubles the time"
    )
    contrast_weight: float = Field(default=0, ge=0, description="Weight of the supervised contrastive loss")
    anchor_weight: float = Field(
        default=0,
        ge=0,
        description="Weight of the cross-entropy of the nearest label description, as the backbone encodes it",
    )
    attentive: bool = Field(
        default=False, description="Learn a weight per token for pooling instead of averaging the tokens"
    )
    average_decay: float = Field(default=0.999, ge=0, lt=1, description="Decay per step of the averaged weights")
    held_out: float = Field(
        default=0.03, gt=0, lt=0.5, description="Share of training conversations held out for calibration"
    )
    seed: int = 0

    @field_validator("passes")
    @classmethod
    def _require_passes_or_starts(cls, passes: float, info: ValidationInfo) -> float:
        if not passes and not info.data.get("starts"):
            raise ValueError("0 passes keep the weights of the runs in `starts`, and there are none")
        return passes


LARGE = SemRecipe(
    backbone="sentence-transformers/all-mpnet-base-v2",
    passes=2,
    batch_size=64,
    learning_rate=8e-5,
    frozen_layers=3,
    dropout=0,
)
"""The 110 M encoder, which `hef train sem --large` exports to be read on top of the shipped SEM."""
TEACHER = LARGE.model_copy(update={"passes": 1, "label_smoothing": 0})
"""The large encoder as a teacher: one pass, so that it has seen no sample twice, and without label smoothing, which
hides a teacher's knowledge of the other labels (Müller et al., NeurIPS 2019)."""
RECIPES = {"default": SemRecipe(), "large": LARGE, "teacher": TEACHER}
"""Recipes by the name that `hef train sem --recipe` takes."""
