"""Settings of the command line: flags first, then the environment, then defaults."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .error_messages import Misuse

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Settings(BaseSettings):
    """Settings of a command; each field can be set by `HEF_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="HEF_", env_ignore_empty=True, frozen=True)

    model: str | None = Field(None, description="The LLM; None is the embedded one")
    sem: str | None = Field(None, description="The SEM; None is the shipped one")
    safety_model: str | None = Field(
        None, description="LLM that also looks for danger; `own` asks none, None a hosted `model`"
    )
    prompts: Path | None = Field(None, description="Folder with prompt templates that replace the shipped ones")
    fit: Path | None = Field(None, description="How SEM and LLM are joined: a file of `hef evaluate emotion --fit`")
    home: Path = Field(
        default_factory=lambda: user_data_path("hef", appauthor=False),
        description="Folder of memories and conversations",
    )
    characters: Path | None = Field(None, description="Folder of characters; None is `characters` in the home folder")
    chroma_url: str | None = Field(None, description="A Chroma server, where several processes share a memory")
    keys: Path | None = Field(
        None, description="File of the chat server's keys; None is `keys.toml` in the home folder"
    )
    postgres_url: str | None = Field(None, description="PostgreSQL, where several chat servers share conversations")
    region: str | None = Field(None, description="Country whose numbers for help are given in danger, two letters")
    user: str | None = Field(None, description="Whose memory is read and written")
    threads: int | None = Field(None, ge=1, le=256, description="CPU threads of the models")
    data: Path | None = Field(None, description="Folder with the training and validation data")

    @field_validator("home", "data", "prompts", "fit", "characters", "keys")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return path.expanduser() if path else None

    @field_validator("user")
    @classmethod
    def _check_user(cls, user: str | None) -> str | None:
        if user is not None and not user.strip():
            raise ValueError("it is blank; give a text that names one person, or leave it out")
        return user

    @field_validator("region")
    @classmethod
    def _check_region(cls, region: str | None) -> str | None:
        from ..contract.settings.region import read_region

        return read_region(region)

    @field_validator("chroma_url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        from ..memory.chroma.client.location import is_http_url

        if not is_http_url(url):
            raise ValueError("give the address of a server such as http://localhost:8000")
        return url

    @property
    def characters_folder(self) -> Path:
        """Return the folder of characters, which need not exist."""
        return self.characters or self.home / "characters"

    @property
    def keys_file(self) -> Path:
        """Return the file of the chat server's keys, which need not exist."""
        return self.keys or self.home / "keys.toml"

    @property
    def person(self) -> str:
        """Return whose memory is meant: the user, or `me` where none is named."""
        return self.user or "me"


def load_settings(*groups: Any, **flags: Any) -> Settings:
    """Return the settings; flags that are None leave the choice to the environment.

    The thread count is also written to the environment, where the models read it when they load.

    Args:
        groups: Dataclasses of options; their fields that are settings are taken as flags.
        flags: Settings by name.

    Raises:
        Misuse: A setting has an invalid value; the message names the flag, or else the variable.
    """
    for group in groups:
        flags.update({name: getattr(group, name) for name in Settings.model_fields if hasattr(group, name)})
    try:
        settings = Settings(**{name: flag for name, flag in flags.items() if flag is not None})
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name = f"HEF_{field.upper()}" if flags.get(field) is None else f"--{field.replace('_', '-')}"
        reason = first["msg"].removeprefix("Value error, ") if first["type"] == "value_error" else first["msg"].lower()
        value = f"{first['input']!r}"
        raise Misuse(f"{name} is {value}: {reason.removeprefix(f'{field} is {value}; ')}") from None
    if settings.threads:
        os.environ["HEF_THREADS"] = str(settings.threads)
    return settings


def make_home(home: Path) -> None:
    """Create the folder of memories and conversations for its owner alone, or close one that others may read.

    Raises:
        Misuse: It cannot be created there.
        OSError: There is no room for it.
    """
    from ..contract.private_files import make_private, make_private_folder

    try:
        make_private_folder(home)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        raise Misuse(
            f"the folder {error.filename or home} cannot be made: {error.strerror}; give another by --home or HEF_HOME"
        ) from error
    make_private((*home.glob("*conversations*"), *home.glob("*conversations*/*")))
