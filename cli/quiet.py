"""Keep libraries from talking over the command's own output, and from taking the machine."""

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


def hush() -> None:
    """Silence progress bars, warnings and log lines; call it before the libraries are imported."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
