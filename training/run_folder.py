"""The folder of a run: its recipe, checkpoint and log."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from ..contract import SetupError
from ..data.conversations import Sample
from ..sem.taxonomy import Taxonomy
from .soft_labels import SoftLabels


class RunFolder:
    """What stands beside a run's weights; the folder is made where it is missing.

    Args:
        path: Where the run lives.
        recipe: What to train.

    Raises:
        SetupError: The folder's run began with another recipe.
    """

    def __init__(self, path: Path, recipe: BaseModel) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._keep(recipe)

    @property
    def checkpoint(self) -> Path:
        """Where the run goes on from."""
        return self.path / "checkpoint.pt"

    def finished(self, name: str) -> Path:
        """Return a file that a finished run leaves.

        Raises:
            SetupError: The run has not finished.
        """
        path = self.path / name
        if not path.exists():
            raise SetupError(f"{path} is missing: the run has not finished; run the same `hef train` command again")
        return path

    def soft_labels(self, teachers: Sequence[str], taxonomy: Taxonomy, samples: Sequence[Sample]) -> SoftLabels | None:
        """Ask teachers about samples, and keep what they say in the folder; None without a teacher."""
        if not teachers:
            return None
        taught = SoftLabels(self.path / "teacher.pt", [Path(folder) for folder in teachers], taxonomy)
        taught.teach(samples, lambda _, done, total: self.log(taught=done, of=total))
        return taught

    def log(self, **entry: object) -> None:
        """Append a line to `log.jsonl`."""
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"time": round(time.time()), **entry}) + "\n")

    def _keep(self, recipe: BaseModel) -> None:
        """Write the recipe into the folder, or compare it with the one the run began with."""
        kept = self.path / "recipe.json"
        if not kept.exists():
            kept.write_text(recipe.model_dump_json(indent=2) + "\n", encoding="utf-8")
            return
        began, now = json.loads(kept.read_text(encoding="utf-8")), recipe.model_dump(mode="json")
        changed = [f"{name} {began.get(name)} -> {value}" for name, value in now.items() if began.get(name) != value]
        if changed:
            raise SetupError(
                f"the run in {self.path} began with another recipe ({', '.join(changed)}); "
                "use the same options, or another folder"
            )
