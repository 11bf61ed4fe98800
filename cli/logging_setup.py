"""Silence the output of libraries, keep their threads from spinning, and enable HEF's own log."""

from __future__ import annotations

import logging
import os
import warnings

_SETTINGS = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TQDM_DISABLE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin while they wait are several times slower on a shared machine
}


def silence_libraries() -> None:
    """Silence progress bars, warnings and log lines; call it before the libraries are imported."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)


def enable_warnings() -> None:
    """Write HEF's warnings to stderr, as a server does, unless its log was enabled before."""
    if all(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("hef").handlers):
        enable_log("warning")


def enable_log(level: str) -> None:
    """Write HEF's own log lines to stderr, from this level on; libraries stay silent."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log = logging.getLogger("hef")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(level.upper())
    if logging.root.manager.disable:
        logging.disable(logging.NOTSET)
        logging.root.setLevel(logging.ERROR)
