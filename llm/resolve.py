"""Resolve what a caller gives as the LLM to a chat model."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import overload

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from ..contract import SetupError
from ..contract.chat_model import ChatModel, chat_models
from .local_chat import LocalChat
from .weights.embedded_weights import EMBEDDED, PLAIN, check_embedded, is_embedded
from .weights.loading import first_line

_ACCEPTED = (
    "give a chat model (a BaseChatModel), `embedded`, `embedded-plain`, `huggingface:<id or folder>`, "
    "or `<provider>:<name>` as langchain's init_chat_model takes it"
)
_INSTALL = (
    "run `pip install 'hef[openai]'` for OpenAI and compatible servers, "
    "`pip install langchain` and the provider's own package for another"
)
_LOCAL_SCHEME = "huggingface:"
_MAX_EMBEDDED_TOKENS = 80
"""A reply of two or three sentences; the embedded model does not stop by itself."""
_MAX_REPLY_TOKENS = 512
"""For any other local model: who replies, and the host, say how long a reply is; this ends one that does not stop."""
_REPETITION_PENALTY = 1.1
"""Keeps greedy decoding of a small model from repeating itself."""
_WITHOUT_THOUGHTS = {"enable_thinking": False}
"""For templates that know it: thoughts would take all tokens of a reply."""
_TOOLS = frozenset({"tools", "tool_choice", "functions", "function_call", "parallel_tool_calls"})
"""What a binding of tools adds to a call."""
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def is_local_name(spec: object) -> bool:
    """Return whether a specification is the name of a model that runs in this process, without loading it."""
    return isinstance(spec, str) and (is_embedded(spec.strip()) or spec.strip().startswith(_LOCAL_SCHEME))


@overload
def resolve_model(spec: BaseChatModel | str | None) -> BaseChatModel: ...


@overload
def resolve_model(spec: ChatModel | str | None) -> ChatModel: ...


def resolve_model(spec: ChatModel | str | None) -> ChatModel:
    """Return the chat model of a specification; a local model is one object per process.

    Args:
        spec: A chat model, also with LangChain's wrappers around it (`model.with_fallbacks([…])`, `.with_retry()`,
            `.bind(…)`), which is returned as it is, but for bound tools; None or `embedded` for the embedded one,
            `embedded-plain` for it without its adapter; `huggingface:<id or folder>` for another
            local one; any other text is passed to `langchain.chat_models.init_chat_model`, which
            needs the package `langchain`.

    Raises:
        SetupError: It names no model, or the model's weights or packages are missing.
    """
    if isinstance(spec, Runnable):
        return _checked(spec)
    if spec is None:
        spec = EMBEDDED
    if not isinstance(spec, str) or not spec.strip():
        raise SetupError(f"the model is {spec!r} ({type(spec).__name__}); {_ACCEPTED}")
    spec = spec.strip()
    if is_embedded(spec):
        check_embedded(spec)
        return _local_chat(spec)
    if spec.startswith(_LOCAL_SCHEME):
        return _local_chat(_folder_or_hub_id(spec.removeprefix(_LOCAL_SCHEME)))
    return _init_chat_model(spec)


def check_choice(spec: str, *, served: bool) -> None:
    """Check that a run may name an LLM: a name makes the process load weights, or send the dialogue to a provider.

    Args:
        spec: What the run's settings name.
        served: Whether the run came from a client of a server, who may name `embedded`, `embedded-plain`, the graph's
            own (`HEF_MODEL`), or where the environment has `HEF_MODELS`, what is listed there, separated by commas.
            Without a server only `HEF_MODELS` limits the choice.

    Raises:
        SetupError: It may not.
    """
    listed = os.environ.get("HEF_MODELS")
    if listed is None and not served:
        return
    own = os.environ.get("HEF_MODEL", "").strip()
    names = (EMBEDDED, PLAIN) if listed is None else [name.strip() for name in listed.split(",")]
    allowed = [name for name in dict.fromkeys([own, *names]) if name]
    if spec.strip() not in allowed:
        raise SetupError(
            f"a run may not name the model {spec!r} here, only {', '.join(allowed) or 'none'}; leave `model` out, or "
            "list it in the server's HEF_MODELS"
        )


@lru_cache(maxsize=4)
def _local_chat(model_id: str) -> LocalChat:
    return LocalChat(
        model_id=model_id,
        max_tokens=_MAX_EMBEDDED_TOKENS if is_embedded(model_id) else _MAX_REPLY_TOKENS,
        repetition_penalty=_REPETITION_PENALTY,
        chat_template_kwargs={} if is_embedded(model_id) else _WITHOUT_THOUGHTS,
    )


def _folder_or_hub_id(text: str) -> str:
    folder = Path(text).expanduser()
    if (folder / "config.json").is_file():
        return str(folder.resolve())
    if folder.exists() or not _HUB_ID.fullmatch(text):
        raise SetupError(
            f"{_LOCAL_SCHEME}{text} names no model: it is neither a folder with a config.json nor an id "
            "of the Hugging Face hub such as `HuggingFaceTB/SmolLM2-360M-Instruct`"
        )
    return text


def _checked(model: ChatModel) -> ChatModel:
    """Return a model that consists of chat models alone.

    Raises:
        SetupError: It does not.
    """
    for inner in chat_models(model):
        if not isinstance(inner, BaseChatModel):
            around = "" if inner is model else f"{type(model).__name__} around a "
            raise SetupError(
                f"the model is a {around}{type(inner).__name__}, which is not a chat model; {_ACCEPTED}. Around a chat "
                "model may be what bind, with_config, with_retry and with_fallbacks return, but no chain"
            )
    return _without_tools(model)


def _without_tools(model: ChatModel) -> ChatModel:
    """Return a model without the host's tools, which `bind_tools` binds: HEF asks for words, and calls none of them."""
    if isinstance(model, RunnableWithFallbacks):
        first, *others = map(_without_tools, model.runnables)
        return model.model_copy(update={"runnable": first, "fallbacks": others})
    if not isinstance(model, RunnableBindingBase):
        return model
    kwargs = {name: value for name, value in model.kwargs.items() if name not in _TOOLS}
    return model.model_copy(update={"bound": _without_tools(model.bound), "kwargs": kwargs})


def _init_chat_model(spec: str) -> BaseChatModel:
    if nearest := get_close_matches(spec.lower(), (EMBEDDED, PLAIN), n=1, cutoff=0.8):
        raise SetupError(f"there is no model {spec!r}; did you mean `{nearest[0]}`? Otherwise {_ACCEPTED}")
    if importlib.util.find_spec("langchain") is None:
        raise SetupError(f"the model {spec!r} needs more packages: {_INSTALL}; or {_ACCEPTED}")
    try:
        model = importlib.import_module("langchain.chat_models").init_chat_model(spec)
    except ImportError as error:
        raise SetupError(f"the model {spec!r} needs more packages ({first_line(error)}): {_INSTALL}") from error
    except Exception as error:
        raise SetupError(f"the model {spec!r} could not be created ({first_line(error)}); {_ACCEPTED}") from error
    if not isinstance(model, BaseChatModel):
        raise SetupError(f"the model {spec!r} became a {type(model).__name__}; {_ACCEPTED}")
    return model
