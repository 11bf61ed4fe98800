"""Prompt templates, one Markdown file each, and their loader."""

from __future__ import annotations

from .loader import NAMES, Prompts, fence, newest

__all__ = ["NAMES", "Prompts", "fence", "newest"]
