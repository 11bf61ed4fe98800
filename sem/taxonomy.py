"""Emotion taxonomies: the sets of labels that SEMs predict, as data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..contract import SetupError

DATA = Path(__file__).parent / "taxonomies"
"""Folder of the taxonomies, label maps and lexicons that come with HEF."""


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """A closed set of emotion categories, with synonyms, neighbours and groups.

    Raises:
        SetupError: There are fewer than two distinct labels, a field mentions an unknown label, or the
            groups do not contain each label exactly once.
    """

    name: str
    """A short identifier, for example `empathetic_dialogues`."""
    labels: tuple[str, ...]
    """The categories in the order of every distribution over them."""
    neighbours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each label the labels it is most often confused with, closest first."""
    synonyms: Mapping[str, str] = field(default_factory=dict)
    """Everyday words that mean a label, for reading free text: `scared` -> `afraid`."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """For each label its meaning in one line."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Coarse groups, for example `fear`; if there are any, each label is in exactly one."""
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """For each language, by its ISO 639-1 code, what a label is called in it, for display; English needs none."""

    def __post_init__(self) -> None:
        if isinstance(self.labels, str) or not all(isinstance(label, str) for label in self.labels):
            raise SetupError(f"taxonomy {self.name!r} has {self.labels!r} as `labels`; give a tuple of texts")
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise SetupError(f"taxonomy {self.name!r} needs at least two distinct labels in `labels`")
        if not all(label.strip() for label in self.labels):
            raise SetupError(f"taxonomy {self.name!r} has a blank label in `labels`")
        for mentions, labels in self._mentioned_labels().items():
            if stray := sorted(set(labels) - set(self.labels)):
                raise SetupError(f"taxonomy {self.name!r} mentions in `{mentions}` labels it does not have: {stray}")
        grouped = [label for group in self.groups.values() for label in group]
        if wrong := [label for label in self.labels if self.groups and grouped.count(label) != 1]:
            raise SetupError(f"taxonomy {self.name!r} needs each label in exactly one of `groups`; look at {wrong}")

    def __contains__(self, label: object) -> bool:
        return label in self.labels

    @classmethod
    def from_file(cls, path: Path | str) -> Taxonomy:
        """Load a taxonomy from a JSON file with the fields of this class; `name` and `labels` are required.

        Raises:
            SetupError: The file cannot be read, or a field is invalid; the message names both.
        """
        file = Path(path).expanduser()
        try:
            fields = _TaxonomyFile.model_validate(json.loads(file.read_text(encoding="utf-8")))
            return cls(**dict(fields))
        except OSError as error:
            raise SetupError(f"no taxonomy can be read from {file}: {error.strerror or error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise SetupError(f"{file} is not a taxonomy: `{where}`: {first['msg']}") from error
        except SetupError as error:
            raise SetupError(f"{file} is not a taxonomy: {error}") from error
        except ValueError as error:
            raise SetupError(f"{file} is not JSON: {error}") from error

    def to_file(self, path: Path | str) -> None:
        """Write the taxonomy where `from_file` can read it.

        Raises:
            SetupError: The file cannot be written.
        """
        file = Path(path).expanduser()
        try:
            file.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise SetupError(f"the taxonomy cannot be written to {file}: {error.strerror or error}") from error

    def get_group(self, label: str) -> str | None:
        """Return the coarse group of a label, None if there are no groups."""
        return next((name for name, group in self.groups.items() if label in group), None)

    def display_name(self, label: str, language: str) -> str:
        """Return what a label is called in a language; the label itself where that is not known."""
        return self.names.get(language, {}).get(label, label)

    def _mentioned_labels(self) -> dict[str, Iterable[str]]:
        """Return for each field the labels that it mentions."""
        return {
            "neighbours": {*self.neighbours, *(label for near in self.neighbours.values() for label in near)},
            "synonyms": self.synonyms.values(),
            "descriptions": self.descriptions,
            "groups": [label for group in self.groups.values() for label in group],
            "names": [label for names in self.names.values() for label in names],
        }


class _TaxonomyFile(BaseModel):
    """The contents of a taxonomy's file."""

    model_config = ConfigDict(extra="forbid")

    name: str
    labels: tuple[str, ...]
    neighbours: dict[str, tuple[str, ...]] = {}
    synonyms: dict[str, str] = {}
    descriptions: dict[str, str] = {}
    groups: dict[str, tuple[str, ...]] = {}
    names: dict[str, dict[str, str]] = {}


EMPATHETIC_DIALOGUES = Taxonomy.from_file(DATA / "empathetic_dialogues.json")
"""The 32 emotions of EmpatheticDialogues (Rashkin et al., ACL 2019)."""
