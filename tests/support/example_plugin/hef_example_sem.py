"""A SEM that reads moods from talk about the weather: all that a plugin needs, in one module."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hef.contract import Cause, Dialogue, Reading, SetupError, View, apply_view
from hef.sem import SemDescription, Taxonomy

MOODS = Taxonomy(
    name="moods",
    labels=("gloomy", "cheerful", "stormy"),
    descriptions={
        "gloomy": "Is low and tired.",
        "cheerful": "Is in good spirits.",
        "stormy": "Is about to shout.",
    },
)
SIGNS = {"gloomy": r"rain\w*|grey|fog\w*", "cheerful": r"sun\w*|warm|blue sky", "stormy": r"storm\w*|thunder\w*"}


class WeatherSem:
    """Count the words that are a sign of each mood."""

    description = SemDescription(name="weather", taxonomy=MOODS, licence="Apache-2.0", source="an example")

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return a reading a dialogue: the share of each mood's signs, one of each added."""
        looks = ["dialogue"] * len(dialogues) if views is None else views
        if len(looks) != len(dialogues) or not all(len(dialogue) for dialogue in dialogues):
            raise SetupError("give dialogues with at least one turn each, and one view a dialogue or none")
        return [self._reading(dialogue, view) for dialogue, view in zip(dialogues, looks, strict=True)]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the signs of the mood, with where they stand."""
        if strange := set(emotions) - set(MOODS.labels):
            raise SetupError(f"unknown emotions {sorted(strange)}; this SEM knows {', '.join(MOODS.labels)}")
        if not all(len(dialogue) for dialogue in dialogues):
            raise SetupError("a dialogue has no turns; give at least one")
        return [self._causes(dialogue, emotion) for dialogue, emotion in zip(dialogues, emotions, strict=True)]

    def _reading(self, dialogue: Dialogue, view: View) -> Reading:
        counts = {mood: 1 + len(signs(apply_view(dialogue, view), mood)) for mood in MOODS.labels}
        shares = {mood: count / sum(counts.values()) for mood, count in counts.items()}
        return Reading(distribution=shares, sem=self.description.name, view=view)

    def _causes(self, dialogue: Dialogue, mood: str) -> tuple[Cause, ...]:
        found = signs(dialogue, mood)
        return tuple(
            Cause(text=dialogue[turn].text[start:end], turn=turn, start=start, end=end, weight=1 / len(found))
            for turn, start, end in found
        )


def signs(dialogue: Dialogue, mood: str) -> list[tuple[int, int, int]]:
    """Return (turn, start, end) of each sign of a mood."""
    pattern = re.compile(rf"\b(?:{SIGNS[mood]})\b", re.IGNORECASE)
    return [(index, *match.span()) for index, turn in enumerate(dialogue) for match in pattern.finditer(turn.text)]
