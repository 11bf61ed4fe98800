"""One batch through the LLM: what the prompts share is read once, and only what is learned is scored."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .adapter_samples import Lesson

WIDTHS = 8
"""Widths of a batch are multiples of it: kernels are compiled once a width."""


class Scores(NamedTuple):
    """What the model says of the tokens that are learned."""

    logits: Tensor
    """[tokens, vocabulary], float32."""
    wanted: Tensor
    """The tokens themselves, [tokens]."""
    row: Tensor
    """The lesson each belongs to, [tokens]."""
    judged: Tensor
    """Whether it is a label's token, [tokens]."""
    first: Tensor
    """Place of each lesson's first label token among them, [lessons]."""


def shared(lessons: Sequence[Lesson]) -> int:
    """Count the tokens that all lessons begin with, before anything is learned."""
    least = min(lesson.label.start for lesson in lessons) - 1
    columns = zip(*(lesson.ids[:least] for lesson in lessons), strict=True)
    return next((at for at, column in enumerate(columns) if len(set(column)) > 1), least)


def score(model: Any, lessons: Sequence[Lesson]) -> Scores:
    """Return the logits of all learned tokens of a batch."""
    body, head = _parts(model)
    device = next(model.parameters()).device
    hidden = _hidden(model, body, lessons, device)
    places = [(row, at, at in lesson.label) for row, lesson in enumerate(lessons) for at in _learned(lesson)]
    rows = torch.tensor([row for row, _, _ in places], device=device)
    before = torch.tensor([at - 1 for _, at, _ in places], device=device) - shared(lessons)
    with _mixed(device):
        logits = head(hidden[rows, before])
    return Scores(
        logits.float(),
        torch.tensor([lessons[row].ids[at] for row, at, _ in places], device=device),
        rows,
        torch.tensor([judged for _, _, judged in places], device=device),
        torch.tensor([i for i, (row, at, _) in enumerate(places) if at == lessons[row].label.start], device=device),
    )


def _hidden(model: Any, body: Any, lessons: Sequence[Lesson], device: torch.device) -> Tensor:
    """Return the last hidden states after the shared tokens, [lessons, longest, width]."""
    from peft.helpers import disable_input_dtype_casting
    from transformers import DynamicCache

    begun = shared(lessons)
    longest = max(len(lesson.ids) for lesson in lessons) - begun
    longest += -longest % WIDTHS
    tokens = torch.zeros(len(lessons), longest, dtype=torch.long)
    mask = torch.zeros(len(lessons), begun + longest, dtype=torch.long)
    for row, lesson in enumerate(lessons):
        tokens[row, : len(lesson.ids) - begun] = torch.tensor(lesson.ids[begun:])
        mask[row, : len(lesson.ids)] = 1
    cache = DynamicCache(config=body.config)
    casting = disable_input_dtype_casting(model) if hasattr(model, "peft_config") else nullcontext()
    with casting, _mixed(device):
        if begun:
            body(input_ids=torch.tensor([lessons[0].ids[:begun]], device=device), past_key_values=cache, use_cache=True)
            cache.batch_repeat_interleave(len(lessons))
        read = body(input_ids=tokens.to(device), attention_mask=mask.to(device), past_key_values=cache, use_cache=True)
    hidden: Tensor = read.last_hidden_state
    return hidden


def _learned(lesson: Lesson) -> list[int]:
    return [*lesson.label, *lesson.reply]


def _parts(model: Any) -> tuple[Any, Any]:
    """Return the decoder and the output layer, below PEFT's wrapping where there is one."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    return causal.model, causal.lm_head


def _mixed(device: torch.device) -> Any:
    return torch.autocast(device.type, dtype=torch.bfloat16)
