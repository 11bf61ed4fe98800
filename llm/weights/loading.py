"""Load a local causal language model with its tokenizer as a backend."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ...contract import SetupError
from ...contract.cpu_inference import import_onnxruntime
from ..engine.backend import Backend
from ..engine.torch_backend import TorchBackend, silence_transformers
from .embedded_weights import converted, is_embedded, prepare_embedded

Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]


def load(model_id: str, *, precision: Precision = "auto", device: str = "auto", threads: int | None = None) -> Backend:
    """Return a loaded model.

    The embedded model runs on ONNX Runtime, unless another precision than `auto` or another device
    than the CPU is given; every other model runs on transformers.

    Args:
        model_id: `embedded`, `embedded-plain`, a folder, or the id of a model on the Hugging Face hub.
        precision: Number format of the weights; `auto` is the embedded model's own 4 bits, for another model
            bfloat16 on a GPU and on a CPU that computes in it, else float32.
        device: A torch device; `auto` is the CPU for the embedded model, else a GPU where there is one.
        threads: CPU threads of one step; None leaves the choice to the library.

    Raises:
        SetupError: The model was not found or could not be read.
    """
    if is_embedded(model_id) and precision == "auto" and device in ("auto", "cpu"):
        return _load_on_onnx(model_id, threads)
    return load_on_torch(model_id, precision=precision, device=device, threads=threads)


def _load_on_onnx(model_id: str, threads: int | None) -> Backend:
    from ..engine.onnx_backend import OnnxBackend

    with ThreadPoolExecutor(1) as executor:
        checked = executor.submit(lambda: converted(model=model_id, onnx=True))
        import_onnxruntime()
        import jinja2.sandbox  # noqa: F401
        import tokenizers  # noqa: F401

    folder = checked.result() or prepare_embedded(model=model_id)
    try:
        return OnnxBackend(folder, threads=threads)
    except (OSError, ValueError, KeyError) as error:
        raise SetupError(
            f"the converted model in {folder} could not be loaded ({first_line(error)}): remove that folder"
        ) from error


def load_on_torch(
    model_id: str, *, precision: Precision = "auto", device: str = "auto", threads: int | None = None
) -> TorchBackend:
    """Return a model of transformers, the embedded one too; see `load`."""
    with ThreadPoolExecutor(1) as executor:
        # Hashing 270 MB releases the interpreter lock, so imports run meanwhile. A conversion imports, too, and
        # has to wait: transformers must not be imported from two threads at once.
        checked = executor.submit(lambda: converted(model=model_id, onnx=False) if is_embedded(model_id) else None)
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

    source = str(checked.result() or prepare_embedded(model=model_id)) if is_embedded(model_id) else model_id
    device, dtype = _device_and_dtype(torch, precision, device)
    model, tokenizer = _read(source, model_id, device, dtype, AutoModelForCausalLM, AutoTokenizer)
    return TorchBackend(model, tokenizer, threads=threads)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, since some add a page of advice."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _device_and_dtype(torch: Any, precision: Precision, device: str) -> tuple[str, Any]:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision != "auto":
        return device, getattr(torch, precision)
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    has_bfloat16 = device != "cpu" or capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return device, torch.bfloat16 if has_bfloat16 else torch.float32


def _read(source: str, model_id: str, device: str, dtype: Any, models: Any, tokenizers: Any) -> tuple[Any, Any]:
    is_folder = Path(source).is_dir()
    try:
        with silence_transformers():
            tokenizer = tokenizers.from_pretrained(source, local_files_only=is_folder, trust_remote_code=False)
            tokenizer("")  # its first call changes it, which must not happen in two threads
            model = models.from_pretrained(source, dtype=dtype, local_files_only=is_folder, trust_remote_code=False)
            return model.to(device).eval(), tokenizer
    except (OSError, ValueError, RuntimeError) as error:
        raise SetupError(
            f"the model {model_id!r} could not be loaded ({first_line(error)}); give `embedded`, "
            "the folder of a causal language model, or its id on the Hugging Face hub"
        ) from error
