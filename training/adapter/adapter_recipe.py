"""The recipe of an adapter: all settings that determine the result."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class AdapterRecipe(BaseModel):
    """The settings of one adapter; two runs of one recipe and seed see the same batches.

    Low-rank adaptation (Hu et al., ICLR 2022) of all linear layers of the upper blocks: the frozen
    blocks below need no backward pass, which on a CPU is a fifth of the time.
    """

    model_config = ConfigDict(frozen=True)

    start: str | None = Field(default=None, description="Folder of an adapter of the same shape to start from")
    rank: int = Field(default=16, ge=1, le=256)
    scale: float = Field(default=2.0, gt=0, description="LoRA's alpha over the rank")
    first_layer: int = Field(default=8, ge=0, description="Blocks below it are frozen")
    passes: float = Field(
        default=0.4, gt=0, description="Passes over the conversations, each with one listener turn per conversation"
    )
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=8e-4, gt=0)
    warmup: float = Field(default=0.05, ge=0, le=1, description="Share of steps with a rising learning rate")
    weight_decay: float = Field(default=0.01, ge=0)
    label_weight: float = Field(default=1.0, ge=0, description="Weight of the judgement relative to the reply")
    replies: float = Field(
        default=1.0, ge=0, le=1, description="Share of samples with a reply as target; the others end at the label"
    )
    memories: float = Field(default=0.5, ge=0, le=1, description="Share of the replies with past turns in the prompt")
    teachers: tuple[str, ...] = Field(
        default=(), description="Folders of finished SEM runs whose soft labels are learned, too"
    )
    teacher_weight: float = Field(default=0.6, ge=0, le=1, description="Share of the judgement's loss for the teachers")
    teacher_temperature: float = Field(
        default=2.0, gt=0, description="Temperature of both distributions (Hinton et al., 2015)"
    )
    causes_left_out: float = Field(
        default=0.15, ge=0, le=1, description="Share of prompts without cause words, so that a reply does not need any"
    )
    max_tokens: int = Field(default=320, ge=32, description="Longer samples are dropped")
    held_out: float = Field(default=0.03, gt=0, lt=0.5, description="Share of conversations held out for metrics")
    seed: int = 0
