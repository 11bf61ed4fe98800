"""Stands in for transformers in pyright, which finds no types of its automatic classes and takes long to read it."""

from typing import Any

def __getattr__(name: str) -> Any: ...
