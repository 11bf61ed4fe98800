"""What tests of conversations share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hef.serving.chat_conversations import Conversations
from langgraph.store.memory import InMemoryStore
from transcript_client import Clock, TranscriptClient


@pytest.fixture
async def client() -> AsyncIterator[TranscriptClient]:
    store, clock = InMemoryStore(), Clock()
    conversations = Conversations(store=store, now=clock)
    yield TranscriptClient(conversations, store, clock)
    await conversations.close()
