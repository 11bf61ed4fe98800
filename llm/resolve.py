"""From what a caller names as the LLM to a chat model."""

from __future__ import annotations

import importlib
import importlib.util
import re
from functools import lru_cache
from pathlib import Path

from langchain_core.language_models import BaseChatModel

from ..contract import SetupError
from .local_chat import LocalChat
from .weights.embedded_weights import EMBEDDED, check_embedded, is_embedded
from .weights.loading import first_line

_ACCEPTED = (
    "give a chat model (a BaseChatModel), `embedded`, `embedded-plain`, `huggingface:<id or folder>`, "
    "or `<provider>:<name>` as langchain's init_chat_model takes it"
)
_INSTALL = (
    "run `pip install 'hef[openai]'` for OpenAI and servers that speak as it does, "
    "`pip install langchain` and the provider's own package for another"
)
_LOCAL = "huggingface:"
_REPLY_TOKENS = 80
"""A reply of two or three sentences; small models do not find an end by themselves."""
_PENALTY = 1.1
"""Keeps greedy decoding of a small model from going round in circles."""
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def resolve_model(spec: BaseChatModel | str | None) -> BaseChatModel:
    """Return the chat model that is meant; a local one is one object a process.

    Args:
        spec: A chat model, which is returned as it is; None or `embedded` for the embedded one,
            `embedded-plain` for it without its adapter; `huggingface:<id or folder>` for another
            local one; any other text is handed to `langchain.chat_models.init_chat_model`, which
            wants the package `langchain`.

    Raises:
        SetupError: It names no model, or the model's weights or packages are missing.
    """
    if isinstance(spec, BaseChatModel):
        return spec
    if spec is None:
        spec = EMBEDDED
    if not isinstance(spec, str) or not spec.strip():
        raise SetupError(f"the model is {spec!r} ({type(spec).__name__}); {_ACCEPTED}")
    spec = spec.strip()
    if is_embedded(spec):
        check_embedded(spec)
        return _local(spec)
    if spec.startswith(_LOCAL):
        return _local(_place(spec.removeprefix(_LOCAL)))
    return _initialised(spec)


def model_name(model: BaseChatModel) -> str:
    """Return a short name of a chat model to show."""
    if isinstance(model, LocalChat):
        return model.short_name
    names = (getattr(model, field, None) for field in ("model_name", "model", "model_id"))
    return next((name for name in names if isinstance(name, str) and name), model._llm_type)


@lru_cache(maxsize=4)
def _local(model_id: str) -> LocalChat:
    return LocalChat(model_id=model_id, max_tokens=_REPLY_TOKENS, repetition_penalty=_PENALTY)


def _place(given: str) -> str:
    folder = Path(given).expanduser()
    if (folder / "config.json").is_file():
        return str(folder.resolve())
    if folder.exists() or not _HUB_ID.fullmatch(given):
        raise SetupError(
            f"{_LOCAL}{given} names no model: it is neither a folder with a config.json nor an id "
            "of the Hugging Face hub such as `HuggingFaceTB/SmolLM2-360M-Instruct`"
        )
    return given


def _initialised(spec: str) -> BaseChatModel:
    if importlib.util.find_spec("langchain") is None:
        raise SetupError(f"the model {spec!r} wants more packages: {_INSTALL}; or {_ACCEPTED}")
    try:
        model = importlib.import_module("langchain.chat_models").init_chat_model(spec)
    except ImportError as error:
        raise SetupError(f"the model {spec!r} wants more packages ({first_line(error)}): {_INSTALL}") from error
    except Exception as error:
        raise SetupError(f"the model {spec!r} could not be made ({first_line(error)}); {_ACCEPTED}") from error
    if not isinstance(model, BaseChatModel):
        raise SetupError(f"the model {spec!r} became a {type(model).__name__}; {_ACCEPTED}")
    return model
