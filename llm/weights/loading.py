"""Loading a local causal language model and its tokenizer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ...contract import SetupError
from ..engine.backend import Backend
from ..engine.torch_backend import TorchBackend
from ..silence import silence_transformers
from .embedded_weights import converted, is_embedded, prepare_embedded

Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]


def load(model_id: str, *, precision: Precision = "auto", device: str = "auto", threads: int | None = None) -> Backend:
    """Return a model, ready to infer.

    The embedded model runs on ONNX Runtime, unless another precision than `auto` or another device
    than the CPU is asked for; every other model runs on transformers.

    Args:
        model_id: `embedded`, `embedded-plain`, a folder, or the id of a model on the Hugging Face hub.
        precision: Type of the weights; `auto` is the embedded model's own 4 bits, for another model
            bfloat16 on a GPU and on a CPU that computes in it, else float32.
        device: A torch device; `auto` is the CPU for the embedded model, else a GPU where there is one.
        threads: CPU threads of one step; None leaves them to the library.

    Raises:
        SetupError: The model could not be found or read.
    """
    if is_embedded(model_id) and precision == "auto" and device in ("auto", "cpu"):
        return _on_onnx(model_id, threads)
    return load_on_torch(model_id, precision=precision, device=device, threads=threads)


def _on_onnx(model_id: str, threads: int | None) -> Backend:
    from ..engine.onnx_backend import OnnxBackend

    with ThreadPoolExecutor(1) as beside:
        held = beside.submit(lambda: converted(model=model_id, onnx=True))
        import jinja2.sandbox  # noqa: F401
        import onnxruntime  # noqa: F401
        import tokenizers  # noqa: F401

    place = held.result() or prepare_embedded(model=model_id)
    try:
        return OnnxBackend(place, threads=threads)
    except (OSError, ValueError, KeyError) as error:
        raise SetupError(
            f"the converted model in {place} could not be loaded ({first_line(error)}): remove that folder"
        ) from error


def load_on_torch(
    model_id: str, *, precision: Precision = "auto", device: str = "auto", threads: int | None = None
) -> TorchBackend:
    """Return a model of transformers, the embedded one too; see `load`."""
    with ThreadPoolExecutor(1) as beside:
        # Checking the hash of 270 MB leaves the interpreter free to import; converting imports, too, and must wait:
        # transformers does not stand being imported from two threads.
        held = beside.submit(lambda: converted(model=model_id, onnx=False) if is_embedded(model_id) else None)
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

    place = str(held.result() or prepare_embedded(model=model_id)) if is_embedded(model_id) else model_id
    model, tokenizer = _read(place, model_id, *_kind(torch, precision, device), AutoModelForCausalLM, AutoTokenizer)
    return TorchBackend(model, tokenizer, threads=threads)


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
        with silence_transformers():
            tokenizer = tokenizers.from_pretrained(place, local_files_only=local)
            tokenizer("")  # its first call changes it, which must not happen in two threads
            model = models.from_pretrained(place, dtype=kind, local_files_only=local)
            return model.to(target).eval(), tokenizer
    except (OSError, ValueError, RuntimeError) as error:
        raise SetupError(
            f"the model {model_id!r} could not be loaded ({first_line(error)}); give `embedded`, "
            "the folder of a causal language model, or its id on the Hugging Face hub"
        ) from error
