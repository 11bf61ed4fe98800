"""A tokenizer of transformers, loaded from its folder without importing transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any


class LightTokenizer:
    """The few methods of a transformers tokenizer that a local model needs.

    Args:
        folder: Contains `tokenizer.json`, `tokenizer_config.json` and `chat_template.jinja`.

    Raises:
        OSError: A file is missing.
        ValueError: A file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self.name_or_path = str(folder)
        self.chat_template = (folder / "chat_template.jinja").read_text("utf-8")
        self._settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        text = (folder / "tokenizer.json").read_text("utf-8")
        try:
            self._tokenizer: Any = Tokenizer.from_str(text)
        except Exception as error:  # the library raises no narrower class
            raise ValueError(f"tokenizer.json: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @property
    def added_tokens_decoder(self) -> Mapping[int, Any]:
        """The special tokens by their ids."""
        added_tokens: Mapping[int, Any] = self._tokenizer.get_added_tokens_decoder()
        return {token_id: _SpecialToken(added) for token_id, added in added_tokens.items()}

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """Return the tokens of a text as `input_ids`."""
        return {"input_ids": self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False, **_: Any) -> str:
        """Return the text of tokens; spaces are never cleaned up."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens))

    def apply_chat_template(self, turns: Sequence[Mapping[str, str]], *, add_generation_prompt: bool, **_: Any) -> str:
        """Return the conversation in the text form that the model was trained on."""
        return str(
            self._template.render(messages=turns, add_generation_prompt=add_generation_prompt, **self._special_tokens)
        )

    @cached_property
    def _special_tokens(self) -> dict[str, str]:
        return {name: token for name, token in self._settings.items() if name.endswith("_token")}

    @cached_property
    def _template(self) -> Any:
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        return ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(self.chat_template)


class _SpecialToken:
    """A special token, which transformers converts to its text with `str`."""

    def __init__(self, added: Any) -> None:
        self.special = bool(added.special)
        self._text = str(added.content)

    def __str__(self) -> str:
        return self._text
