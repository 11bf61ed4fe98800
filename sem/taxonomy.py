"""Emotion taxonomies: the labels a SEM chooses from, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """A closed set of emotion categories and what is known about them."""

    name: str
    """A short identifier, for example `empathetic_dialogues`."""
    labels: tuple[str, ...]
    """The categories in the order of every distribution over them."""
    neighbours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For a label the labels it is most easily confused with, closest first."""
    synonyms: Mapping[str, str] = field(default_factory=dict)
    """Everyday words that mean a label, for reading free text: `scared` -> `afraid`."""

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise ValueError(f"taxonomy {self.name!r} needs at least two distinct labels")
        known = set(self.labels)
        named = {*self.neighbours, *self.synonyms.values()}
        named.update(label for group in self.neighbours.values() for label in group)
        if stray := sorted(named - known):
            raise ValueError(f"taxonomy {self.name!r} mentions labels it does not have: {stray}")

    def __contains__(self, label: object) -> bool:
        return label in self.labels


_GROUPS = (
    ("afraid", "terrified", "anxious", "apprehensive"),
    ("angry", "furious", "annoyed", "disgusted"),
    ("sad", "devastated", "disappointed", "lonely"),
    ("ashamed", "guilty", "embarrassed"),
    ("joyful", "excited", "proud", "content", "surprised", "impressed", "grateful"),
    ("anticipating", "hopeful", "excited", "prepared", "confident"),
    ("nostalgic", "sentimental", "caring", "sad"),
    ("trusting", "faithful", "caring", "grateful"),
    ("jealous", "annoyed", "angry", "disappointed"),
)


def _neighbours(labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return for each label the other members of the groups it stands in."""
    return {
        label: tuple(dict.fromkeys(other for group in _GROUPS if label in group for other in group if other != label))
        for label in labels
    }


_LABELS = (
    "afraid angry annoyed anticipating anxious apprehensive ashamed caring confident content "
    "devastated disappointed disgusted embarrassed excited faithful furious grateful guilty hopeful "
    "impressed jealous joyful lonely nostalgic prepared proud sad sentimental surprised terrified "
    "trusting"
)

_SYNONYMS = """
scared=afraid frightened=afraid fearful=afraid mad=angry anger=angry irritated=annoyed
frustrated=annoyed annoyance=annoyed nervous=anxious worried=anxious stressed=anxious anxiety=anxious
uneasy=apprehensive hesitant=apprehensive shame=ashamed compassionate=caring assured=confident
satisfied=content calm=content crushed=devastated heartbroken=devastated grieving=devastated
grief=devastated disappointment=disappointed grossed=disgusted disgust=disgusted
embarrassment=embarrassed thrilled=excited excitement=excited loyal=faithful enraged=furious
livid=furious rage=furious thankful=grateful gratitude=grateful guilt=guilty remorseful=guilty
optimistic=hopeful hope=hopeful amazed=impressed awed=impressed envious=jealous envy=jealous
jealousy=jealous happy=joyful joy=joyful glad=joyful delighted=joyful alone=lonely isolated=lonely
loneliness=lonely nostalgia=nostalgic ready=prepared pride=proud unhappy=sad sadness=sad upset=sad
sorrow=sad shocked=surprised astonished=surprised surprise=surprised horrified=terrified
petrified=terrified trust=trusting
"""

EMPATHETIC_DIALOGUES = Taxonomy(
    name="empathetic_dialogues",
    labels=tuple(_LABELS.split()),
    neighbours=_neighbours(tuple(_LABELS.split())),
    synonyms={word: label for word, _, label in (pair.partition("=") for pair in _SYNONYMS.split())},
)
"""The 32 emotions of EmpatheticDialogues (Rashkin et al., ACL 2019)."""
