"""Training recipes: everything that decides what a trained SEM becomes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class Recipe(BaseModel):
    """The settings of one training run; the defaults train the 22 M encoder from labels alone.

    The shipped SEM took two rounds with teachers (`sem/MODEL_CARD.md`).

    Two runs of one recipe and seed see the same batches.
    """

    model_config = ConfigDict(frozen=True)

    backbone: str = Field(
        default="sentence-transformers/all-MiniLM-L6-v2", description="Hub id or folder of a BERT-like encoder"
    )
    starts: tuple[str, ...] = Field(
        default=(), description="Folders of finished runs of the same backbone; the run goes on from their mean weights"
    )
    passes: float = Field(
        default=4, ge=0, description="Passes over the conversations; 1.5 ends in the midst of one, 0 keeps the start"
    )
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=8e-5, gt=0)
    warmup: float = Field(default=0.06, ge=0, le=1, description="Share of steps with a rising learning rate")
    weight_decay: float = Field(default=0.01, ge=0)
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Within the trunk; costs a tenth of the time")
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    frozen_layers: int = Field(
        default=0, ge=0, description="The embeddings and so many of the lowest layers stay as they are; 0 trains all"
    )
    max_tokens: int = Field(default=192, ge=8, le=512)
    situations: bool = Field(default=True, description="Also train on each conversation's situation sentence")
    speaker_view: float = Field(
        default=0.15, ge=0, le=1, description="Share of prefixes shown without the listener's turns"
    )
    last_turn_view: float = Field(default=0, ge=0, le=1, description="Share of prefixes shown as their last turn alone")
    teachers: tuple[str, ...] = Field(
        default=(), description="Folders of finished runs whose soft labels are learned beside the labels"
    )
    teacher_weight: float = Field(default=0.7, ge=0, le=1, description="Share of the loss that follows the teachers")
    teacher_temperature: float = Field(default=2.0, gt=0, description="Softens both sides (Hinton et al., 2015)")
    feature_weight: float = Field(
        default=0, ge=0, description="Weight of pointing where the teachers' features point, through a linear map"
    )
    agreement_weight: float = Field(
        default=0, ge=0, description="Weight of two readings under dropout agreeing (R-Drop); doubles the time"
    )
    contrast_weight: float = Field(default=0, ge=0, description="Weight of the supervised contrastive loss")
    anchor_weight: float = Field(
        default=0, ge=0, description="Weight of standing nearest to the label's description as the backbone reads it"
    )
    attentive: bool = Field(default=False, description="Learn how much each token counts instead of averaging them")
    average_decay: float = Field(
        default=0.999, ge=0, lt=1, description="Decay a step of the running average of the weights"
    )
    held_out: float = Field(
        default=0.03, gt=0, lt=0.5, description="Share of training conversations kept for calibration"
    )
    seed: int = 0

    @field_validator("passes")
    @classmethod
    def _something_is_done(cls, passes: float, info: ValidationInfo) -> float:
        if not passes and not info.data.get("starts"):
            raise ValueError("0 passes keep the weights of runs to start from, and there are none")
        return passes


LARGE = Recipe(
    backbone="sentence-transformers/all-mpnet-base-v2",
    passes=2,
    batch_size=64,
    learning_rate=8e-5,
    frozen_layers=3,
    dropout=0,
)
"""The 110 M encoder: more accurate, too large and slow to ship."""
TEACHER = LARGE.model_copy(update={"passes": 1, "label_smoothing": 0})
"""The large encoder to learn from: one pass, so that it has met no sample twice, and without label smoothing, which
hides what a teacher knows of the other labels (Müller et al., NeurIPS 2019)."""
RECIPES = {"default": Recipe(), "large": LARGE, "teacher": TEACHER}
"""Recipes by the name that `hef train sem --recipe` takes."""
