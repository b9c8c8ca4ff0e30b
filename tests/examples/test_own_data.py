"""What examples/own_data says, done in an empty folder; its tables are what one sees."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_data"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder, and all that was said in it."""
    folder = tmp_path_factory.mktemp("own_data")
    program = f'python() {{ "{sys.executable}" "$@"; }}\ninvplat() {{ python -m invplat "$@"; }}\nset -euo pipefail\n'
    given = {**os.environ, "EXAMPLE": str(EXAMPLE), "INVPLAT_HOME": str(folder / "home")}
    scripts = blocks("bash")
    assert len(scripts) == 5
    line = ["bash", "-c", program + "".join(scripts)]
    ended = subprocess.run(
        line, cwd=folder, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout
    return folder, ended.stdout


def test_its_tables_are_what_one_sees(done: tuple[Path, str]) -> None:
    _, said = done
    seen = [line.rstrip() for line in said.splitlines()]
    shown = [line.rstrip() for block in blocks("text") for line in block.splitlines() if "invplat" not in line]
    assert len(shown) > 15
    assert [line for line in shown if line not in seen] == []


def test_what_was_changed_by_hand_is_marked(done: tuple[Path, str]) -> None:
    folder, said = done
    proposed = (folder / "suggested.toml").read_text(encoding="utf-8").splitlines()
    mapping = (EXAMPLE / "bakery.toml").read_text(encoding="utf-8").splitlines()
    changed = [line for line in mapping if line not in proposed]
    assert len(changed) == 6
    assert all('by hand"' in line or "# by hand" in line or line == 'name = "bakery"' for line in changed)
    assert "could not be used" in said
    assert len((folder / "to-mend.csv").read_text(encoding="utf-8").splitlines()) == 5
    assert (folder / "bakery.html").stat().st_size > 10_000


def test_its_exports_are_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        subprocess.run([sys.executable, EXAMPLE / "exports.py", tmp_path / name], check=True, stdout=subprocess.DEVNULL)
    written = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert written[0] == written[1]
    assert len(written[0]) == 5
