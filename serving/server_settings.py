"""The settings of a chat completions server."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ..contract import HefContext


class ServerSettings(BaseModel):
    """How a server answers; the defaults suit one machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context: HefContext = Field(
        default=HefContext(),
        description="Settings of each turn, such as strategy, persona and region; the person, the character and the "
        "request's own settings are added to them",
    )
    max_body: int = Field(default=20_000_000, ge=1_000, description="Bytes of a request at most")
    keep_alive: float = Field(
        default=4.0,
        gt=0,
        description="Seconds without a word after which a stream says that it is alive, below the five and ten after "
        "which voice clients give up; so long a failing LLM is still answered by a status of its own",
    )
    shutdown_seconds: int = Field(default=30, ge=1, description="Seconds that replies have to end after a stop")
    emotion_tags: tuple[str, ...] = Field(
        default=(),
        description="Expressions of an avatar, such as `joy` and `sadness`: each reply begins with the one that fits, "
        "in brackets; `all` stands for HEF's own emotions, nothing for no tag",
    )
