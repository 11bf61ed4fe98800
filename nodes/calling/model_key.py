"""What an LLM is known by in this process, whichever object it is."""

from __future__ import annotations

from typing import Any, TypeAlias

from langchain_core.runnables import RunnableSequence

from ...contract.chat_model import chat_models, model_name

ModelKey: TypeAlias = tuple[type, str, str]


def model_key(model: Any) -> ModelKey:
    """Return the class of an LLM, its name, and where it is served."""
    while isinstance(model, RunnableSequence) or isinstance(chat_models(model)[0], RunnableSequence):
        model = model.first if isinstance(model, RunnableSequence) else chat_models(model)[0]
    inner = chat_models(model)[0]
    addresses = (getattr(inner, name, None) for name in ("openai_api_base", "base_url", "endpoint_url"))
    return type(inner), model_name(model), next((str(address) for address in addresses if address), "")
