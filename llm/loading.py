"""Loading a local causal language model and its tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from ..contract import SetupError
from .embedded import prepare_embedded
from .quiet import quiet

EMBEDDED: Final = "embedded"
Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]


def load(model_id: str, *, precision: Precision = "auto", device: str = "auto") -> tuple[Any, Any]:
    """Return a model, ready to infer, and its tokenizer.

    Args:
        model_id: `embedded`, a folder, or the id of a model on the Hugging Face hub.
        precision: Type of the weights; `auto` is float32 on a CPU, where it is steady between
            processors, and bfloat16 elsewhere.
        device: A torch device; `auto` is a GPU where there is one.

    Raises:
        SetupError: The model could not be found or read.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = str(prepare_embedded()) if model_id == EMBEDDED else model_id
    target = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    kind = ("float32" if target == "cpu" else "bfloat16") if precision == "auto" else precision
    local = Path(place).is_dir()
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=local)
            tokenizer("")  # its first call changes it, which must not happen in two threads
            model: Any = AutoModelForCausalLM.from_pretrained(place, dtype=getattr(torch, kind), local_files_only=local)
            return model.to(target).eval(), tokenizer
    except (OSError, ValueError, RuntimeError) as error:
        raise SetupError(
            f"the model {model_id!r} could not be loaded ({first_line(error)}); give `embedded`, "
            "the folder of a causal language model, or its id on the Hugging Face hub"
        ) from error


def first_line(error: Exception) -> str:
    """Return what an error says first, since some add a page of advice."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
