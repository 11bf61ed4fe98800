"""`hef evaluate download`: EmpatheticDialogues in the form that HEF reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import option

Out = Annotated[Path, option("Where the data is written.", "--out", "-o", metavar="FOLDER")]
Archive = Annotated[Path | None, option("The archive, where it was downloaded before.", metavar="FILE")]


def download(out: Out, archive: Archive = None) -> None:
    """Get EmpatheticDialogues from its official archive.

    The data is licensed CC BY-NC 4.0.
    """
    from ...data.download import convert_archive
    from ...data.download import download as fetch

    counts = convert_archive(archive, out) if archive else fetch(out)
    for split, count in counts.items():
        typer.echo(f"{out / split}.jsonl.gz  {count:,} conversations")
