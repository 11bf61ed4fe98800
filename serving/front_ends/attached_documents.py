"""Documents that LibreChat puts before a person's words, in one fenced block, again with each later request."""

from __future__ import annotations

import re

_HEAD = re.compile(
    r"\s{0,9}Attached (?:document|file|text)(?:s|\(s\))?:[ \t]{0,9}\n"
    r"(`{3,9})[a-z]{0,12}\n?[ \t]{0,9}# \"[^\"\n]{1,400}\"\n",
    re.IGNORECASE,
)
"""What stands before the first document: the fence, and its name as a heading."""


def split_document(text: str) -> tuple[str, str] | None:
    """Return the documents at the beginning of a message, and the words after them; None where there is none.

    Documents may hold fences of their own. The block ends where a fence stands after an empty line for the first time,
    as LibreChat closes it: so none of the person's words are ever taken for a document's.
    """
    head = _HEAD.match(text)
    if head is None:
        return None
    close = text.find(f"\n\n{head[1]}\n", head.end() - 1)
    if close < 0:
        return None
    end = close + len(head[1]) + 2
    return text[:end].strip(), text[end:].strip()
