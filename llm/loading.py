"""Loading a local causal language model and its tokenizer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from ..contract import SetupError
from .embedded import converted, prepare_embedded
from .quiet import quiet

EMBEDDED: Final = "embedded"
Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]


def load(model_id: str, *, precision: Precision = "auto", device: str = "auto") -> tuple[Any, Any]:
    """Return a model, ready to infer, and its tokenizer.

    Args:
        model_id: `embedded`, a folder, or the id of a model on the Hugging Face hub.
        precision: Type of the weights; `auto` is bfloat16 on a GPU and on a CPU that computes in it,
            else float32.
        device: A torch device; `auto` is a GPU where there is one.

    Raises:
        SetupError: The model could not be found or read.
    """
    with ThreadPoolExecutor(1) as beside:
        # Checking the hash of 270 MB leaves the interpreter free to import; converting imports, too, and must wait:
        # transformers does not stand being imported from two threads.
        held = beside.submit(lambda: converted() if model_id == EMBEDDED else None)
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

    place = str(held.result() or prepare_embedded()) if model_id == EMBEDDED else model_id
    return _read(place, model_id, *_kind(torch, precision, device), AutoModelForCausalLM, AutoTokenizer)


def first_line(error: Exception) -> str:
    """Return what an error says first, since some add a page of advice."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _kind(torch: Any, precision: Precision, device: str) -> tuple[str, Any]:
    """Return the device and the type of the weights."""
    target = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if precision != "auto":
        return target, getattr(torch, precision)
    able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    native = target != "cpu" or able.get("avx512_bf16") or able.get("amx_bf16")
    return target, torch.bfloat16 if native else torch.float32


def _read(place: str, model_id: str, target: str, kind: Any, models: Any, tokenizers: Any) -> tuple[Any, Any]:
    local = Path(place).is_dir()
    try:
        with quiet():
            tokenizer = tokenizers.from_pretrained(place, local_files_only=local)
            tokenizer("")  # its first call changes it, which must not happen in two threads
            model = models.from_pretrained(place, dtype=kind, local_files_only=local)
            return model.to(target).eval(), tokenizer
    except (OSError, ValueError, RuntimeError) as error:
        raise SetupError(
            f"the model {model_id!r} could not be loaded ({first_line(error)}); give `embedded`, "
            "the folder of a causal language model, or its id on the Hugging Face hub"
        ) from error
