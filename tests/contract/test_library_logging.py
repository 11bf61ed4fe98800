"""What HEF logs is shown only where the host asks for it."""

from __future__ import annotations

import subprocess
import sys


def test_without_configuration_nothing_is_printed() -> None:
    code = "import hef.contract, logging; logging.getLogger('hef.graph').warning('something was left out')"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")
