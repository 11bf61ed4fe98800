"""The card in a PNG picture: base64 of JSON in a text chunk. Only chunks are read; the picture is never decoded."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator

from ..contract import SetupError

MAX_CARD_BYTES = 8_000_000
"""Size of a card, unpacked; a card with a large lorebook has some hundred thousand bytes."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORDS = ("ccv3", "chara")
"""Names of the chunk, the newer form first."""
_TEXT_KINDS = (b"tEXt", b"zTXt", b"iTXt")
_HEADER, _CHECKSUM = 8, 4
"""Bytes before a chunk's content (length and kind), and after it."""


def card_in_picture(content: bytes) -> bytes:
    """Return the JSON that a picture holds.

    Args:
        content: The whole file.

    Raises:
        SetupError: It is no PNG, or a broken one, or holds no card, or one that is too large.
    """
    if not content.startswith(_SIGNATURE):
        raise SetupError("it is not a PNG picture; give one, or the card's JSON")
    texts: dict[str, tuple[bytes, bytes]] = {}
    for kind, chunk in _text_chunks(content):
        keyword, _, rest = chunk.partition(b"\0")
        texts.setdefault(keyword.decode("latin-1").lower(), (kind, rest))
    name = next((name for name in _KEYWORDS if name in texts), None)
    if name is None:
        raise SetupError("the picture holds no character card (a text chunk chara or ccv3); export the card again")
    return _decoded(_chunk_text(*texts[name]))


def _text_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each text chunk.

    Raises:
        SetupError: A chunk is longer than the file.
    """
    position = len(_SIGNATURE)
    while position + _HEADER <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        kind = content[position + 4 : position + _HEADER]
        begin = position + _HEADER
        position = begin + length + _CHECKSUM
        if begin + length > len(content):
            raise SetupError("the picture is cut off; copy it again")
        if kind in _TEXT_KINDS:
            yield kind, content[begin : begin + length]
        if kind == b"IEND":
            return


def _chunk_text(kind: bytes, rest: bytes) -> bytes:
    """Return the text of a chunk, after its keyword."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _inflated(rest[1:])
    # Two flags, then language and translated keyword, each with an end mark.
    is_packed, fields = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
    text = fields[2] if len(fields) == 3 else b""
    return _inflated(text) if is_packed else text


def _inflated(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, 2 * MAX_CARD_BYTES)
    except zlib.error:
        raise SetupError("the card in the picture is packed in a way that cannot be read; export it again") from None
    if unpacker.unconsumed_tail:
        raise SetupError(f"the card in the picture is larger than {MAX_CARD_BYTES:,} bytes, which no card needs to be")
    return text


def _decoded(text: bytes) -> bytes:
    try:
        card = base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise SetupError("the card in the picture is not base64; export it again") from None
    if len(card) > MAX_CARD_BYTES:
        raise SetupError(f"the card in the picture is larger than {MAX_CARD_BYTES:,} bytes, which no card needs to be")
    return card
