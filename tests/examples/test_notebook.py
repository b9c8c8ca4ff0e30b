"""The notebook runs from top to bottom, and what is kept in it is what it says when it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook" / "first_look.ipynb"
MOST = 100_000  # bytes of the file with its outputs


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """As `jupyter execute` leaves it, from an empty folder."""
    folder = tmp_path_factory.mktemp("notebook")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INVPLAT_")}
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(folder)}
    environment["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path_factory.mktemp("torch"))  # torch makes one as it is imported
    program = "import sys; from nbclient.cli import main; sys.exit(main())"
    line = [sys.executable, "-c", program, "--output", str(folder / "ran.ipynb"), "--timeout", "200", str(NOTEBOOK)]
    ended = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert [path.name for path in folder.iterdir()] == ["ran.ipynb"]  # it leaves nothing
    return nbformat.read(folder / "ran.ipynb", as_version=4)


def text(cell: Any) -> str:
    """What a cell says, without colours."""
    said = "".join(str(one.get("text") or one.get("data", {}).get("text/plain", "")) for one in cell.outputs)
    return re.sub(r"\x1b\[[0-9;]*m", "", said)


def kinds(cell: Any) -> list[Any]:
    """Of its outputs; what a program prints may come in one piece or in several."""
    return [kind for kind, _ in groupby((one.output_type, one.get("name")) for one in cell.outputs)]


def code(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def test_from_files_to_an_order(ran: Any) -> None:
    said = "\n".join(text(cell) for cell in code(ran))
    assert "error:" not in said
    for words in ("corner-shop now is at version 1", "kept as mlp@1", "on nine days of ten", "more keep it in stock"):
        assert words in said, said
    pictures = [one for cell in code(ran) for one in cell.outputs if "image/png" in one.get("data", {})]
    assert len(pictures) == 1
    orders = [int(found) for found in re.findall(r"^\d+%: order +(\d+)", said, re.MULTILINE)]
    assert len(orders) == 4
    assert orders == sorted(orders)  # surer is never less


def test_what_is_kept_is_what_it_says(ran: Any) -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(kept)
    assert NOTEBOOK.stat().st_size < MOST
    for before, after in zip(code(kept), code(ran), strict=True):
        assert before.source == after.source
        assert kinds(before) == kinds(after), before.source
        # Figures may differ between machines, words do not.
        words = [re.sub(r"\S*first-look-\S*|[\W\d_]+", " ", text(cell)).split() for cell in (before, after)]
        assert words[0] == words[1]
