"""How often somebody was in danger or may have been, for the reports that laws ask for: counts, nothing that was said.

A file holds a line per turn with danger or concern: its day, level and region.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...contract.private_files import create_private_folder
from ...contract.safety import SafetyEvent

FILE = "safety_counts.jsonl"


class ReferralCount(BaseModel):
    """Turns of one day, level and region."""

    model_config = ConfigDict(frozen=True)

    day: date = Field(description="Day, in coordinated universal time")
    level: Literal["concern", "danger"] = Field(description="What was found")
    region: str | None = Field(default=None, description="Two letters of a country; None where it was not known")
    turns: int = Field(default=1, ge=1, description="How many turns; one that is run again counts again")


class ReferralCounter:
    """A hook `on_safety` that counts, in a folder of the host's.

    Args:
        folder: Where the file is, such as the folder of the memory. It is created when there is something to count.

    Example:
        >>> hef = create_hef(on_safety=ReferralCounter("companion")).compile()
    """

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)

    def __call__(self, event: SafetyEvent) -> None:
        """Add one turn; several processes may do so at once.

        Raises:
            OSError: The file cannot be written.
        """
        level = event.safety.level
        if level == "none":
            return
        count = ReferralCount(day=datetime.now(UTC).date(), level=level, region=event.region)
        create_private_folder(self._folder)
        file = os.open(self._folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{count.model_dump_json(exclude={'turns'})}\n".encode())
        finally:
            os.close(file)


def referral_counts(folder: Path | str, since: date | None = None) -> list[ReferralCount]:
    """Return the counts of a folder by day, level and region, oldest first; none where nothing was counted.

    Args:
        folder: As in `ReferralCounter`.
        since: First day.
    """
    turns = Counter(_read(Path(folder) / FILE))
    counts = sorted(turns, key=lambda count: (count.day, count.level, count.region or ""))
    return [count.model_copy(update={"turns": turns[count]}) for count in counts if since is None or count.day >= since]


def _read(file: Path) -> Iterator[ReferralCount]:
    """Yield the lines of a file; one that a killed process left in half is skipped."""
    if not file.is_file():
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                yield ReferralCount.model_validate_json(line)
            except ValidationError:
                continue
