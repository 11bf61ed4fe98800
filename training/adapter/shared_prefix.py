"""The forward pass of a batch through the LLM: the shared prompt prefix is read once, only target tokens are scored."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .adapter_samples import TokenisedExchange

WIDTH_MULTIPLE = 8
"""Widths of a batch are multiples of it: kernels are compiled once per width."""


class TargetLogits(NamedTuple):
    """The model's predictions of the target tokens."""

    logits: Tensor
    """[tokens, vocabulary], float32."""
    targets: Tensor
    """The tokens themselves, [tokens]."""
    row: Tensor
    """The exchange each belongs to, [tokens]."""
    is_label: Tensor
    """Whether it is a label's token, [tokens]."""
    first_label: Tensor
    """Index of each exchange's first label token among them, [exchanges]."""


def shared_prefix_length(batch: Sequence[TokenisedExchange]) -> int:
    """Return the number of tokens that all exchanges begin with, before the first target."""
    limit = min(tokens.label.start for tokens in batch) - 1
    columns = zip(*(tokens.ids[:limit] for tokens in batch), strict=True)
    return next((at for at, column in enumerate(columns) if len(set(column)) > 1), limit)


def target_logits(model: Any, batch: Sequence[TokenisedExchange]) -> TargetLogits:
    """Return the logits of all target tokens of a batch."""
    body, head = _decoder_and_head(model)
    device = next(model.parameters()).device
    hidden = _hidden(model, body, batch, device)
    positions = [(row, at, at in tokens.label) for row, tokens in enumerate(batch) for at in _targets(tokens)]
    rows = torch.tensor([row for row, _, _ in positions], device=device)
    before = torch.tensor([at - 1 for _, at, _ in positions], device=device) - shared_prefix_length(batch)
    with _autocast(device):
        logits = head(hidden[rows, before])
    return TargetLogits(
        logits.float(),
        torch.tensor([batch[row].ids[at] for row, at, _ in positions], device=device),
        rows,
        torch.tensor([is_label for _, _, is_label in positions], device=device),
        torch.tensor([i for i, (row, at, _) in enumerate(positions) if at == batch[row].label.start], device=device),
    )


def _hidden(model: Any, body: Any, batch: Sequence[TokenisedExchange], device: torch.device) -> Tensor:
    """Return the last hidden states after the shared prefix, [exchanges, longest, width]."""
    from peft.helpers import disable_input_dtype_casting
    from transformers import DynamicCache

    prefix = shared_prefix_length(batch)
    longest = max(len(tokens.ids) for tokens in batch) - prefix
    longest += -longest % WIDTH_MULTIPLE
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros(len(batch), prefix + longest, dtype=torch.long)
    for row, tokens in enumerate(batch):
        ids[row, : len(tokens.ids) - prefix] = torch.tensor(tokens.ids[prefix:])
        mask[row, : len(tokens.ids)] = 1
    cache = DynamicCache(config=body.config)
    casting = disable_input_dtype_casting(model) if hasattr(model, "peft_config") else nullcontext()
    with casting, _autocast(device):
        if prefix:
            body(input_ids=torch.tensor([batch[0].ids[:prefix]], device=device), past_key_values=cache, use_cache=True)
            cache.batch_repeat_interleave(len(batch))
        output = body(input_ids=ids.to(device), attention_mask=mask.to(device), past_key_values=cache, use_cache=True)
    hidden: Tensor = output.last_hidden_state
    return hidden


def _targets(tokens: TokenisedExchange) -> list[int]:
    return [*tokens.label, *tokens.reply]


def _decoder_and_head(model: Any) -> tuple[Any, Any]:
    """Return the decoder and the output layer, unwrapped from PEFT if necessary."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    return causal.model, causal.lm_head


def _autocast(device: torch.device) -> Any:
    return torch.autocast(device.type, dtype=torch.bfloat16)
