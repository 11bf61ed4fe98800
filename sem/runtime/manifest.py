"""The manifest of a SEM folder: its contents, calibration and file hashes."""

from __future__ import annotations

import hashlib
import json
import mmap
import posixpath
from collections.abc import Iterator
from math import exp
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...contract import SetupError, View
from ...contract.renamed_fields import SEM_DESCRIPTION_FIELDS, rename_fields
from ..taxonomy import EMPATHETIC_DIALOGUES, Taxonomy
from .calibration import Calibration, PredictionSets

FILE = "sem.json"
NETWORK, TOKENIZER = "model.onnx", "tokenizer.json"
FEATURES = "features"
"""Output of a network, [batch, tokens, width]: features of its tokens below its upper layers, for further heads."""
_LOCATION = "location"
"""Key of the entry that names the file of a tensor with external data."""
_MAX_MANIFEST, _MAX_FILE = 10 << 20, 16 << 30
"""Bytes of a manifest and of any other file of a SEM."""
REINSTALL = "reinstall hef, or export a SEM with `hef train sem --export`"


class CalibratedOn(BaseModel):
    """The data that a calibration was fitted on; metrics on the same data are optimistic."""

    model_config = ConfigDict(frozen=True)

    file: str = Field(description="Name of the file of conversations")
    turns: int = Field(ge=1, description="Number of its listener turns")
    date: str = Field(description="Date as YYYY-MM-DD")


class ScoreScale(BaseModel):
    """The map from a score of the network to a probability (Platt, 1999)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float = Field(gt=0, description="Factor of the score")
    offset: float = Field(description="Added to it")

    def probability(self, score: float) -> float:
        """Return the probability that a score stands for."""
        value = min(max(self.slope * score + self.offset, -30.0), 30.0)
        return 1 / (1 + exp(-value))


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
    neutral: ScoreScale | None = Field(
        default=None, description="Calibration of the network's output `neutral`; None if it has none"
    )
    topic: ScoreScale | None = Field(
        default=None, description="Calibration of the output `topic`, for the mean of a turn; None if it has none"
    )
    languages: tuple[str, ...] = Field(default=("en",), description="ISO 639-1 codes of the languages it reads")
    enlarges: str | None = Field(
        default=None, description="Fingerprint of the SEM that this one is read on top of, see `LargeSem`"
    )
    max_tokens: int = Field(ge=8, description="The window, with special tokens")
    dimensions: int = Field(ge=1, description="Width of the sentence vectors")
    licence: str
    source: str
    metrics: dict[str, float] = Field(default_factory=dict, description="Measured metrics, for example top1")
    sha256: dict[str, str] = Field(description="File name -> hash of its bytes, for every file that is read")

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
            if path.exists() and not (path.is_file() and path.stat().st_size <= _MAX_MANIFEST):
                raise ValueError("no file of a manifest's size")
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise SetupError(f"no SEM in {folder}, {FILE} is missing: {REINSTALL}") from error
        except (ValueError, ValidationError, RecursionError, OSError) as error:
            raise SetupError(f"{path} is not a SEM manifest: {REINSTALL}") from error

    def write(self, folder: Path) -> None:
        """Write the manifest into a folder."""
        (folder / FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @property
    def fingerprint(self) -> str:
        """Return a hash of all that decides a reading: files and calibration."""
        fields = self.model_dump_json(include={"sha256", "slopes", "neutral", "topic", "max_tokens"})
        return hashlib.sha256(fields.encode()).hexdigest()

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
        """Compare each file of a folder with its hash; every file that is read must have one.

        Raises:
            SetupError: A file is missing or damaged, is read without a hash, or is none of the folder.
        """
        for name, expected in self.sha256.items():
            _check_file(folder, name)
            try:
                actual = sha256_digest(folder / name)
            except OSError as error:
                raise SetupError(f"the SEM's file {folder / name} cannot be read: {REINSTALL}") from error
            if actual != expected:
                raise SetupError(f"the SEM's file {folder / name} is damaged, its hash differs: {REINSTALL}")
        self._check_complete(folder)

    def _check_complete(self, folder: Path) -> None:
        required = {NETWORK, TOKENIZER}
        if NETWORK in self.sha256:
            required |= external_data_files(folder / NETWORK)
        if unhashed := sorted(required - self.sha256.keys()):
            raise SetupError(f"{folder / FILE} has no hash of {', '.join(unhashed)}, which the SEM reads: {REINSTALL}")


def _check_file(folder: Path, name: str) -> None:
    """Check that a name is one of a plain file in a folder, of a size that can be read.

    A link is followed, since its bytes have a hash like any other's.

    Raises:
        SetupError: It leads out of the folder, or names a device, a pipe, or too large a file.
    """
    path = folder / name
    if PurePosixPath(name).is_absolute() or Path(name).is_absolute() or ".." in Path(name).parts or not name:
        raise SetupError(f"{folder / FILE} names the file {name!r}, which is outside of its folder: {REINSTALL}")
    if path.exists() and not path.is_file():
        raise SetupError(f"the SEM's file {path} is not a file: {REINSTALL}")
    if path.exists() and path.stat().st_size > _MAX_FILE:
        raise SetupError(f"the SEM's file {path} is larger than {_MAX_FILE >> 30} GiB: {REINSTALL}")


def sha256_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def external_data_files(network: Path) -> set[str]:
    """Return the files in which an ONNX network keeps weights outside of itself, relative to its folder.

    Raises:
        SetupError: It is not an ONNX network.
    """
    if not network.stat().st_size:
        return set()
    with network.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(_LOCATION.encode()) < 0:
            return set()  # reading the network would take longer than all else about its folder
    import onnx

    try:
        model = onnx.load_model(network, load_external_data=False)
    except Exception as error:  # protobuf's own, which has no type stubs
        raise SetupError(f"the SEM's file {network} is not an ONNX network: {REINSTALL}") from error
    return {posixpath.normpath(location) for location in _external_locations(model)}


def _external_locations(message: Any) -> Iterator[str]:
    """Yield where the tensors within a protobuf message have their data, those of attributes and subgraphs too."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in [value] if hasattr(value, "ListFields") else value:
            if field.name == "external_data":
                if part.key == _LOCATION:
                    yield part.value
            else:
                yield from _external_locations(part)
