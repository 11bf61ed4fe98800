"""The folder of a run: its recipe, checkpoint and log."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel

from ..contract import SetupError
from ..data.json_lines import check_settings


class RunFolder:
    """Files beside a run's weights; the folder is created if it is missing.

    Args:
        path: The folder.
        recipe: What to train.

    Raises:
        SetupError: The folder's run began with another recipe.
    """

    def __init__(self, path: Path, recipe: BaseModel) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._check_recipe(recipe)

    @property
    def checkpoint(self) -> Path:
        """Return the path of the checkpoint that a run resumes from."""
        return self.path / "checkpoint.pt"

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Write the checkpoint; an interrupted write leaves the old one intact."""
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def finished(self, name: str) -> Path:
        """Return the path of a file that a finished run has written.

        Raises:
            SetupError: The run has not finished.
        """
        path = self.path / name
        if not path.exists():
            raise SetupError(f"{path} is missing: the run has not finished; run the same `hef train` command again")
        return path

    def log(self, **entry: object) -> None:
        """Append a line to `log.jsonl`."""
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"time": round(time.time()), **entry}) + "\n")

    def _check_recipe(self, recipe: BaseModel) -> None:
        """Write the recipe into the folder, or compare it with the one the run began with."""
        path, settings = self.path / "recipe.json", recipe.model_dump(mode="json")
        check_settings(path, settings, name="recipe", advice="use the same options, or another folder")
