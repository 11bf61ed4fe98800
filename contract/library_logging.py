"""HEF's logger: the host decides what is shown, and without its configuration nothing is."""

from __future__ import annotations

import logging


def add_null_handler() -> None:
    """Add the handler that libraries add to their logger; without any handler Python prints warnings to stderr."""
    logging.getLogger("hef").addHandler(logging.NullHandler())
