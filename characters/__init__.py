"""Characters: who the companion is, as files that a host writes or takes over from character cards."""

from __future__ import annotations

from .character import Character
from .character_cards import read_card
from .characters_folder import (
    available_characters,
    clashing_ids,
    example_characters,
    find_character,
    load_characters,
    read_characters,
)

__all__ = [
    "Character",
    "available_characters",
    "clashing_ids",
    "example_characters",
    "find_character",
    "load_characters",
    "read_card",
    "read_characters",
]
