"""What a visitor chose on the page, kept in their browser for the next time that it is loaded."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..contract.context import Strategy
from ..contract.errors import SetupError
from ..contract.settings.region import Region
from ..contract.settings.reply_language import ReplyLanguage


class KeptChoices(BaseModel):
    """Choices of a visitor; what was not chosen is not set."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    page_language: Literal["en", "zh"] | None = None
    """Language of the page."""
    strategy: Strategy | None = None
    """How the emotion is decided."""
    language: ReplyLanguage = None
    """Language of the reply; None is the person's own, where it was chosen."""
    region: Region = None
    """Country whose numbers are given in danger."""
    remember_for: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Days that what is said is remembered; None is for good, where it was chosen."""

    @classmethod
    def read(cls, stored: object) -> Self:
        """Return what a browser has kept; what it cannot have kept so is left out."""
        values = stored if isinstance(stored, dict) else {}
        choices: dict[str, Any] = {}
        for name in cls.model_fields.keys() & values.keys():
            try:
                choices[name] = getattr(cls.model_validate({name: values[name]}), name)
            except (ValidationError, SetupError):
                continue
        return cls.model_validate(choices)

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings of a turn that were chosen."""
        names = self.model_fields_set & {"strategy", "language", "region", "remember_for"}
        return {name: getattr(self, name) for name in names if name != "strategy" or self.strategy}

    def stored(self) -> dict[str, Any]:
        """Return what a browser keeps."""
        return self.model_dump(exclude_unset=True)
