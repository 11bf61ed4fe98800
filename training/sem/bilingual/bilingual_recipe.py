"""The recipe of a bilingual SEM: all settings that determine the result of its training."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BilingualRecipe(BaseModel):
    """The settings of one run. Two runs of one recipe and seed see the same batches."""

    model_config = ConfigDict(frozen=True)

    backbone: str = Field(description="Folder of an encoder that `cut_encoder` wrote")
    start: str = Field(default="", description="Folder of a finished run of the same backbone to continue")
    passes: float = Field(default=1, gt=0, description="Passes over the English conversations")
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1.5e-4, gt=0)
    head_factor: float = Field(default=8, ge=1, description="Learning rate of the heads, as a multiple of the trunk's")
    warmup: float = Field(default=0.06, ge=0, le=1, description="Share of steps with a rising learning rate")
    weight_decay: float = Field(default=0.01, ge=0)
    dropout: float = Field(default=0, ge=0, lt=1, description="Dropout within the trunk")
    frozen_layers: int = Field(default=4, ge=0, description="Lowest layers that are frozen, with the embeddings")
    max_tokens: int = Field(default=128, ge=8, le=512)
    speaker_view: float = Field(default=0.1, ge=0, le=1, description="Share of contexts without the listener's turns")
    last_turn_view: float = Field(default=0.1, ge=0, le=1, description="Share of contexts cut to their last turn")
    situations: float = Field(default=1, ge=0, le=1, description="Share of situation sentences that are read, too")
    chinese_repeats: int = Field(default=3, ge=0, description="Samples of each Chinese conversation per pass")
    joined: float = Field(
        default=0.25, ge=0, description="Samples with a change of topic, as a share of the conversations"
    )
    neutral: float = Field(
        default=0.3, ge=0, description="Samples without an emotion, as a share of the English conversations"
    )
    teacher: str = Field(default="", description="SEM that gives soft labels of the English text; empty for none")
    teacher_weight: float = Field(default=0.6, ge=0, le=1, description="Share of the loss for its soft labels")
    teacher_temperature: float = Field(default=2, gt=0)
    neutral_weight: float = Field(default=0.5, ge=0, description="Weight of the loss of the neutral head")
    topic_weight: float = Field(default=0.5, ge=0, description="Weight of the loss of the topic head")
    average_decay: float = Field(default=0.995, ge=0, lt=1, description="Decay per step of the averaged weights")
    held_out: float = Field(default=0.03, gt=0, lt=0.5, description="Share of conversations held out for calibration")
    seed: int = 0
