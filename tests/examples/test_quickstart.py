"""examples/quickstart, as it is typed: the whole way, and what happens where it can't or is interrupted.

The whole way takes more than a minute: python -m pytest tests/examples/test_quickstart.py
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.serve.deployed import commands

RUN = Path(__file__).parents[2] / "examples" / "quickstart" / "run.sh"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One with invplat and python on the PATH, whatever they are called here."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, words in {"invplat": '-m invplat "$@"', "python": '"$@"'}.items():
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}\n')
        (folder / name).chmod(0o700)
    given = {name: value for name, value in os.environ.items() if not name.startswith("INVPLAT_")}
    return {**given, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}


def left(home: Path) -> list[str]:
    return [told for told in commands().values() if str(home) in told]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_whole_way(tmp_path: Path, environment: dict[str, str]) -> None:
    ended = subprocess.run(["bash", RUN], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for words in ("planted", "what was found", "trials a minute", "served: the new model", "in all", "risk", "Order "):
        assert words in ended.stdout, ended.stdout
    assert (tmp_path / "quickstart-home").is_dir()
    assert left(tmp_path) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "mine").mkdir()
    ended = subprocess.run(
        ["bash", RUN, tmp_path / "mine"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "is there already" in ended.stderr
    assert list((tmp_path / "mine").iterdir()) == []


def test_without_invplat_on_the_path_it_says_what_to_do(tmp_path: Path) -> None:
    given = {"PATH": "/usr/bin:/bin"}
    ended = subprocess.run(["bash", RUN], cwd=tmp_path, env=given, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "source .venv/bin/activate" in ended.stderr


def test_ctrl_c_ends_it(tmp_path: Path, environment: dict[str, str]) -> None:
    with subprocess.Popen(
        ["bash", RUN], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "They sign up" in line:
                time.sleep(0.5)  # bash loses what comes between its fork and the command's first instruction
                os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
                break
        process.stdout.read()
        assert process.wait(60) == 130
    assert left(tmp_path) == []
