"""A study whose storage goes away, or is full: it says so, and goes on once there is one again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.tuning import TRIALS, Tuning, begun, done

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_the_storage_gone(tuning: Tuning) -> None:
    away = tuning.storage.with_name("away")
    with begun(tuning.words("--in-process", "--quiet")) as process:
        tuning.wait(1, process)
        tuning.storage.rename(away)
        tuning.storage.touch()  # what is mounted there is no folder any more
        _, trouble = process.communicate()
    assert process.returncode == 1
    told(tuning, trouble)
    tuning.storage.unlink()
    away.rename(tuning.storage)
    done(tuning.resume("--in-process"))
    tuning.check()


@pytest.fixture
def narrow(tuning: Tuning) -> Iterator[Path]:
    """A disk of its own that can be filled."""
    tuning.storage.mkdir()
    made = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tuning.storage)]
    if os.geteuid() != 0 or subprocess.run(made, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk here")
    yield tuning.storage
    subprocess.run(["umount", "-l", str(tuning.storage)], check=True)


def test_the_disk_full(tuning: Tuning, narrow: Path) -> None:
    with begun(tuning.words("--in-process", "--quiet")) as process:
        tuning.wait(1, process)
        fill(narrow / "others")
        _, trouble = process.communicate()
    assert process.returncode == 1
    assert "no space left" in trouble
    told(tuning, trouble)
    (narrow / "others").unlink()
    done(tuning.resume("--in-process"))
    tuning.check()


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as others, suppress(OSError):
        while True:
            others.write(bytes(4096))


def told(tuning: Tuning, trouble: str) -> None:
    assert f"of {TRIALS} trials are kept" in trouble
    assert f"--resume {tuning.name}" in trouble
    assert "Traceback" not in trouble
