"""The page's host on a folder of its own: a scripted LLM, a lexicon as SEM, real conversations, a plain store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hef.characters import Character
from hef.cli.chat.conversation_file import open_conversations
from hef.cli.page.page_conversations import PageConversations
from hef.cli.settings import Settings
from hef.contract import HefContext
from hef.graph import create_hef
from hef.sem.plugins.lexicon_sem import LexiconSem
from hef.ui.page_host import PageHost
from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

PERSON = "ana"


@asynccontextmanager
async def page_host(
    home: Path,
    model: BaseChatModel,
    *,
    store: BaseStore | None = None,
    sem: Any = None,
    context: HefContext | None = None,
    characters: Mapping[str, Character] | None = None,
) -> AsyncIterator[PageHost]:
    """Open a host whose emotion the SEM alone decides, so that each scripted answer is a reply."""
    builder = create_hef(model=model, sem=sem or LexiconSem())
    context = context or HefContext(user_id=PERSON, strategy="sem_only", region="US")
    store = None if context.user_id is None else store or InMemoryStore()
    async with open_conversations(home) as saver:
        conversations = PageConversations(Settings(home=home, user=PERSON), store)
        yield PageHost(
            kept=builder.compile(checkpointer=saver, store=store),
            unkept=builder.compile(checkpointer=InMemorySaver(), store=store),
            context=context,
            conversations=conversations,
            model="scripted",
            sem="lexicon",
            characters=characters or {},
        )
        conversations.release()
