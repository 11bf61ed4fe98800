"""Training recipes: everything that decides what a trained SEM becomes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Recipe(BaseModel):
    """The settings of one training run; the defaults are the shipped SEM's.

    Two runs of one recipe and seed see the same batches.
    """

    model_config = ConfigDict(frozen=True)

    backbone: str = Field(
        default="sentence-transformers/all-MiniLM-L6-v2", description="Hub id or folder of a BERT with token types"
    )
    passes: int = Field(default=4, ge=1, description="Passes over the conversations")
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=8e-5, gt=0)
    warmup: float = Field(default=0.06, ge=0, le=1, description="Share of steps with a rising learning rate")
    weight_decay: float = Field(default=0.01, ge=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    max_tokens: int = Field(default=192, ge=8, le=512)
    situations: bool = Field(default=True, description="Also train on each conversation's situation sentence")
    speaker_view: float = Field(
        default=0.15, ge=0, le=1, description="Share of prefixes shown without the listener's turns"
    )
    embedding_weight: float = Field(
        default=0.5, ge=0, description="Weight of staying close to the backbone's own sentence vectors"
    )
    average_decay: float = Field(
        default=0.999, ge=0, lt=1, description="Decay a step of the running average of the weights"
    )
    held_out: float = Field(
        default=0.03, gt=0, lt=0.5, description="Share of training conversations kept for calibration"
    )
    seed: int = 0
