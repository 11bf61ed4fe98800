"""A character: who the companion is, with what it says first, how it talks, and which models it uses."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from ..contract import HefContext, SetupError
from ..contract.settings.model_settings import read_model_settings
from ..contract.settings.settings_model import SettingsModel
from ..prompts.spoken_reply import persona_name

MAX_PERSONA = 20_000
"""Characters of persona and example lines together, as many as `HefContext.persona` takes."""
_EXAMPLES = "This is how you talk:"
_END_OF_EXAMPLES = "These examples were never said and are no part of the conversation."


class Character(SettingsModel):
    """Who the companion is; read from a file of `load_characters`, or made in code."""

    id: str = Field(min_length=1, max_length=200, description="How it is called in settings: its file's name")
    name: str = Field(min_length=1, max_length=100, description="How it is called by people")
    persona: str = Field(min_length=1, max_length=MAX_PERSONA, description="Who it is, as `HefContext.persona`")
    greeting: str = Field(default="", max_length=MAX_PERSONA, description="What it says first in a new conversation")
    other_greetings: tuple[str, ...] = Field(default=(), description="Other beginnings, for a host that offers them")
    examples: tuple[str, ...] = Field(default=(), description="Exchanges that show how it talks; never said")
    language: str | None = Field(default=None, description="Language of its replies; None means the person's")
    model: str | None = Field(default=None, description="Its LLM; None means the one that is set otherwise")
    model_settings: dict[str, Any] = Field(default={}, description="Settings of the call that writes its replies")
    sem: str | None = Field(default=None, description="Its SEM; None means the one that is set otherwise")
    shared_memory: bool = Field(
        default=False, description="Whether it shares the person's own memory; else each character has its own"
    )
    source: str = Field(default="", description="Where it was read: a file's path")
    left_out: tuple[str, ...] = Field(default=(), description="What of its file is not used, one phrase each")

    @field_validator("model_settings", mode="before")
    @classmethod
    def _read_model_settings(cls, value: object) -> dict[str, Any]:
        return read_model_settings(value)

    @property
    def instructions(self) -> str:
        """What the LLM is told of it: its name, who it is, then the example lines as such."""
        persona = self.persona
        if persona_name(persona) != self.name:
            persona = f"You are {self.name}.\n\n{f'You are {persona}' if persona[:1].islower() else persona}"
        if not self.examples:
            return persona
        return "\n".join([f"{persona}\n\n{_EXAMPLES}", *map(example_text, self.examples), _END_OF_EXAMPLES])

    def context(self, base: HefContext | None = None) -> HefContext:
        """Return the settings of a run with this character: those of `base` where the character states none.

        Args:
            base: The settings of the run, by default none.

        Raises:
            SetupError: A setting of the character is out of range.
        """
        base = base or HefContext()
        stated = {"language": self.language, "model": self.model}
        fields = {
            **dict(base),
            **{name: value for name, value in stated.items() if value is not None},
            "persona": self.instructions,
            "model_settings": {**base.model_settings, **self.model_settings},
            "character": None if self.shared_memory else self.id,
        }
        if len(self.instructions) > MAX_PERSONA:
            raise SetupError(
                f"the character {self.id} has {len(self.instructions):,} characters of persona and examples together; "
                f"give at most {MAX_PERSONA:,}"
            )
        set_fields = base.model_fields_set | {"persona", "model_settings", "character", *stated}
        return HefContext(**{name: value for name, value in fields.items() if name in set_fields})


def example_text(example: str) -> str:
    """Return an example exchange as it stands in the prompt."""
    return f"<example>\n{example}\n</example>"
