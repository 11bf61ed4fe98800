"""A process that writes to a memory until it is killed, and reports over a pipe what it reads and writes."""

from __future__ import annotations

import hashlib
import random
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hef.memory import ChromaStore
from hef.memory.chroma.client import open_collection as collection
from hef.memory.chroma.rows import Record, is_item_row, is_namespace_row
from langgraph.store.base import IndexConfig, PutOp

State = dict[tuple[tuple[str, ...], str], dict[str, Any]]


def _embed(texts: list[str]) -> list[list[float]]:
    return [[byte + 1.0 for byte in hashlib.sha256(text.encode()).digest()[:8]] for text in texts]


INDEX: IndexConfig = {"dims": 8, "embed": _embed, "fields": ["parts[*]"]}


def write_until_killed(path: Path, seed: int, reports: Connection) -> None:
    """Report the stored items, then announce, write and acknowledge one random batch after another."""
    # Chroma overwrites its index files in place; a low threshold makes a kill during that likely.
    collection._MIN_SYNC_THRESHOLD = 60
    chance = random.Random(seed)
    store = ChromaStore.from_path(path, index=INDEX)
    stored = snapshot(store)
    reports.send(("found", stored))
    keys = sorted(stored[0])
    while True:
        puts = _batch(chance, keys)
        reports.send(("begun", puts))
        store.batch(puts)
        reports.send(("done", puts))
        keys = sorted({*keys, *((put.namespace, put.key) for put in puts)})


def _batch(chance: random.Random, keys: list[tuple[tuple[str, ...], str]]) -> list[PutOp]:
    """Return some puts of new and known keys, and deletes, each item once."""
    puts: dict[tuple[tuple[str, ...], str], PutOp] = {}
    for _ in range(chance.randint(1, 30)):
        new = (("t", chance.choice("abcde")), f"{chance.getrandbits(40):x}")
        space, key = chance.choice(keys) if keys and chance.random() < 0.6 else new
        parts = [f"{key} {chance.getrandbits(30)}" for _ in range(chance.randint(0, 3))]
        value = None if chance.random() < 0.3 else {"parts": parts, "version": chance.getrandbits(30)}
        puts[space, key] = PutOp(space, key, value)
    return list(puts.values())


def snapshot(store: ChromaStore) -> tuple[State, list[tuple[str, ...]], list[str]]:
    """Return all items, all namespaces, and what is wrong with rows and vectors."""
    items = store.search((), limit=100_000)
    state = {(item.namespace, item.key): item.value for item in items}
    wrong = [f"{len(items)} items for {len(state)} keys"] if len(items) != len(state) else []
    for (space, key), value in list(state.items())[:20]:
        for part in value["parts"]:
            best = store.search(space, query=part, limit=1)
            if [(item.key, round(item.score or 0, 4)) for item in best] != [(key, 1.0)]:
                wrong.append(f"{part!r} of {key} finds {best}")
    return state, store.list_namespaces(), wrong + _stray_rows(store)


def _stray_rows(store: ChromaStore) -> list[str]:
    """Return the rows of the collection that belong to no item and no namespace."""
    rows = store._opened.collection.get(include=["metadatas"])  # type: ignore[union-attr]
    metadata_by_row = dict(zip(rows["ids"], rows["metadatas"], strict=True))
    owned = {row for row in metadata_by_row if is_namespace_row(row)}
    for row, metadata in metadata_by_row.items():
        if is_item_row(row):
            owned |= {row, *(f"{row}#{n}" for n in range(1, Record.from_row(metadata, None).rows))}
    return [f"stray row {row}" for row in metadata_by_row.keys() ^ owned]
