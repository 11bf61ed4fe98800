"""The manifest of a SEM folder: its contents, calibration and file hashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...contract import SetupError, View
from ...contract.renamed_fields import SEM_DESCRIPTION_FIELDS, rename_fields
from ..taxonomy import EMPATHETIC_DIALOGUES, Taxonomy
from .calibration import Calibration
from .prediction_sets import PredictionSets

FILE = "sem.json"
_REINSTALL = "reinstall hef, or export a SEM with `hef train sem --export`"


class CalibratedOn(BaseModel):
    """The data that a calibration was fitted on; metrics on the same data are optimistic."""

    model_config = ConfigDict(frozen=True)

    file: str = Field(description="Name of the file of conversations")
    turns: int = Field(ge=1, description="Number of its listener turns")
    date: str = Field(description="Date as YYYY-MM-DD")


class Manifest(BaseModel):
    """The contents of `sem.json`."""

    model_config = ConfigDict(frozen=True)

    name: str
    labels: tuple[str, ...]
    slopes: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(1.0,), min_length=1, description="Slopes of the calibration, one per nat; see `Calibration`"
    )
    view_weights: dict[View, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict, description="Weight of a re-query's reading relative to the first, by view"
    )
    prediction_sets: PredictionSets | None = Field(default=None, description="Thresholds of prediction sets")
    calibrated_on: CalibratedOn | None = Field(
        default=None, description="Data that slopes and sets were fitted on by `hef train calibrate`"
    )
    max_tokens: int = Field(ge=8, description="The window, with special tokens")
    dimensions: int = Field(ge=1, description="Width of the sentence vectors")
    licence: str
    source: str
    metrics: dict[str, float] = Field(default_factory=dict, description="Measured metrics, for example top1")
    sha256: dict[str, str] = Field(description="File name -> hash of its bytes")

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        return rename_fields(value, SEM_DESCRIPTION_FIELDS)

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Load the manifest of a folder.

        Raises:
            SetupError: It is missing or invalid.
        """
        path = folder / FILE
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise SetupError(f"no SEM in {folder}, {FILE} is missing: {_REINSTALL}") from error
        except (ValueError, ValidationError) as error:
            raise SetupError(f"{path} is not a SEM manifest: {_REINSTALL}") from error

    def write(self, folder: Path) -> None:
        """Write the manifest into a folder."""
        (folder / FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @property
    def calibration(self) -> Calibration:
        """Return the map from the network's logits to probabilities."""
        return Calibration(self.slopes)

    @property
    def taxonomy(self) -> Taxonomy:
        """Return the labels as a taxonomy: EmpatheticDialogues' with descriptions if the labels are its own."""
        if set(self.labels) == set(EMPATHETIC_DIALOGUES.labels):
            return EMPATHETIC_DIALOGUES
        return Taxonomy(self.name, self.labels)

    def verify(self, folder: Path) -> None:
        """Compare each file of a folder with its hash.

        Raises:
            SetupError: A file is missing or damaged.
        """
        for name, expected in self.sha256.items():
            try:
                actual = sha256_digest(folder / name)
            except OSError as error:
                raise SetupError(f"the SEM's file {folder / name} cannot be read: {_REINSTALL}") from error
            if actual != expected:
                raise SetupError(f"the SEM's file {folder / name} is damaged, its hash differs: {_REINSTALL}")


def sha256_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
