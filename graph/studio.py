"""Entry points of LangGraph Studio and `langgraph dev`: the graph, and the Chroma store behind `/store`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from typing import Any

from langgraph.store.base import BaseStore
from pydantic import create_model

from ..contract.chat_model import DraftForm
from ..contract.context import TEMPLATE, HefContext
from ..llm import draft_form, resolve_model
from ..prompts import Prompts, shipped_chat_draft
from ..safety import ReferralCounter
from .build import create_hef
from .default_store import open_store
from .parts import named_safety_check


def context_with(prompts: Prompts, form: DraftForm = "transcript") -> type[HefContext]:
    """Return the settings with the texts of these templates as defaults, so that a form shows them.

    Args:
        prompts: The templates.
        form: How the graph's LLM is asked for the reply; the text of `draft` that ships is that of its form.
    """
    texts = dict(prompts.templates)
    if form == "chat" and not prompts.is_replaced("draft"):
        texts["draft"] = shipped_chat_draft()
    fields: dict[str, Any] = {}
    for name in HefContext().templates:
        field = copy(HefContext.model_fields[f"{TEMPLATE}{name}"])
        field.default = texts[name]
        fields[f"{TEMPLATE}{name}"] = (str, field)
    return create_model("HefContext", __base__=HefContext, __doc__=HefContext.__doc__, **fields)


_prompts = Prompts(os.environ.get("HEF_PROMPTS") or None)
_home = os.environ.get("HEF_HOME") or None
_model = resolve_model(os.environ.get("HEF_MODEL") or None)
graph = create_hef(
    model=_model,
    prompts=_prompts.templates,
    fit=os.environ.get("HEF_FIT") or None,
    safety=named_safety_check(os.environ.get("HEF_SAFETY_MODEL")),
    on_safety=ReferralCounter(_home) if _home else None,
    context_schema=context_with(_prompts, draft_form(_model)),
).compile(name="hef")
"""The graph without store or checkpointer: the server has its own. Reads `HEF_MODEL`, `HEF_SAFETY_MODEL`,
`HEF_PROMPTS`, `HEF_FIT`."""


@asynccontextmanager
async def make_store() -> AsyncIterator[BaseStore]:
    """Yield the memory of the server: at `HEF_CHROMA_URL`, else in the folder `HEF_HOME`, else in this process."""
    store = open_store(os.environ.get("HEF_HOME") or None, url=os.environ.get("HEF_CHROMA_URL") or None)
    try:
        yield store
    finally:
        store.close()
