"""Who helps in which country: the records of `resources.json`, each with its sources and the day it was checked."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ...contract.settings.region import region_code

ResourceKind: TypeAlias = Literal["suicide", "emergency", "child", "violence", "poison", "directory"]
"""What a resource is for.

suicide: somebody who thinks of ending their life, or is in another crisis; emergency: ambulance, police, fire; child:
children and teenagers, and abuse of them; violence: violence at home; poison: what was swallowed; directory: a list of
helplines of many countries.
"""
ANYWHERE, EUROPE = "XX", "EU"
"""Regions that are no country."""


class Source(BaseModel):
    """Where a record was seen."""

    model_config = ConfigDict(frozen=True)

    title: str = Field(description="Who wrote it")
    url: str = Field(description="The page")
    seen: str = Field(description="What stands there")


class Resource(BaseModel):
    """Somebody who helps, and how they are reached."""

    model_config = ConfigDict(frozen=True)

    region: str = Field(description="Two letters of a country, `EU`, or `XX` for anywhere")
    kind: ResourceKind = Field(description="What they are for")
    name: str = Field(description="Who answers")
    name_zh: str | None = Field(default=None, description="Their name in Chinese")
    contact: str = Field(description="The number to call, or the address of a page")
    text: str | None = Field(default=None, description="How else they are reached: text message, chat")
    hours: str = Field(description="When; `24/7` is day and night, and empty is not known")
    languages: tuple[str, ...] = Field(description="Codes of the languages that are spoken there")
    verified: bool = Field(description="Whether two sources agree")
    checked: date = Field(description="Day on which the sources were read")
    sources: tuple[Source, ...] = Field(min_length=1, description="Where it was seen")
    note: str | None = Field(default=None, description="What else is known, for whoever reviews the record")


@cache
def all_resources() -> tuple[Resource, ...]:
    """Return all records, in the order of the file: in a region the one to name first stands first."""
    text = (files("hef.safety") / "resources.json").read_text(encoding="utf-8")
    return tuple(TypeAdapter(list[Resource]).validate_json(text))


def resources_for(region: str | None, kind: ResourceKind, language: str | None = None) -> tuple[Resource, ...]:
    """Return the resources of a region, those that speak the language first; none where none is known.

    Args:
        region: Two letters of a country; None is anywhere.
        kind: What they are for.
        language: Code of the person's language.
    """
    code = region_code(region or "") or ANYWHERE
    records = [record for record in all_resources() if record.region == code and record.kind == kind]
    return tuple(sorted(records, key=lambda record: language is not None and language not in record.languages))
