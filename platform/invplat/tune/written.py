"""A study as a folder of files: the page, its pictures, the leaderboard, the table of trials, TensorBoard's events.

The folder is there whole or as it was before; what a person keeps beside is never removed.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path

from invplat.core.errors import Conflict
from invplat.core.files import write_whole
from invplat.storage import told
from invplat.tune.study import Study

PAGE, BOARD, TABLE, EVENTS = "report.html", "leaderboard.json", "trials.parquet", "tensorboard"


def write_study(study: Study, folder: Path) -> list[Path]:
    """Files of an earlier report of the same folder are replaced by those of this one; the page comes first."""
    _check(folder)
    with told(str(folder)):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = folder.parent / f".{secrets.token_hex(6)}.part"
        made.mkdir()
        try:
            names = _write(study, made)
            _settle(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return [folder / name for name in names]


def _check(folder: Path) -> None:
    """An earlier report may be replaced; a folder of anything else may not."""
    if folder.exists() and not folder.is_dir():
        raise Conflict(f"{folder} is a file", hint="name a folder that is not there yet")
    odd = sorted(one.name for one in folder.iterdir() if not _ours(one.name)) if folder.is_dir() else []
    if odd:
        raise Conflict(
            f"{folder} holds other files than a study's: {', '.join(odd[:3])}",
            hint="name a folder that is not there yet, or that holds an earlier report",
        )


def _ours(name: str) -> bool:
    from invplat.tune.charts import NAMES

    return name in (PAGE, BOARD, TABLE, EVENTS) or name.removesuffix(".png") in NAMES


def _write(study: Study, folder: Path) -> list[str]:
    import pyarrow.parquet as pq

    from invplat.evaluate.charts import saved
    from invplat.evaluate.written import plain
    from invplat.tune.boards import write_events
    from invplat.tune.charts import charts
    from invplat.tune.page import write_page
    from invplat.tune.table import table_of

    drawn = charts(study)
    write_page(study, folder / PAGE, drawn)
    board = json.dumps(plain(study.to_json()), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / BOARD, board.encode())
    pq.write_table(table_of(study.plan, study.finished), folder / TABLE, compression="zstd")
    pictures = saved(drawn, folder)
    write_events(study, folder / EVENTS)
    return [PAGE, BOARD, TABLE, *(path.name for path in pictures), EVENTS]


def _settle(made: Path, folder: Path) -> None:
    """Take the folder's place; where there was one, it comes back if that fails."""
    before = folder.parent / f".{secrets.token_hex(6)}.part"
    there = folder.exists()
    if there:
        os.rename(folder, before)
    try:
        os.rename(made, folder)
    except OSError:
        if there:
            os.rename(before, folder)
        raise
    shutil.rmtree(before, ignore_errors=True)
