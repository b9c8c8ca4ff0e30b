"""A study whose storage goes away, or is full: it says so, and goes on once there is one again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.disk import Disk, small_disk
from tests.chaos.promises import Promise
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
def narrow(tuning: Tuning) -> Iterator[Disk]:
    """A disk of its own that can be filled."""
    with small_disk(tuning.storage, 4) as found:
        yield found


def test_the_disk_full(tuning: Tuning, narrow: Disk, promise: Promise) -> None:
    fault = "the disk is full during tune"
    promise(fault, "exit code 1 and why; what has ended is kept; with room --resume does the rest, each trial once")
    with begun(tuning.words("--in-process", "--quiet")) as process:
        tuning.wait(1, process)
        narrow.fill()
        _, trouble = process.communicate()
    assert process.returncode == 1
    assert "no space left" in trouble
    told(tuning, trouble)
    narrow.clear()
    kept = tuning.tried()
    done(tuning.resume("--in-process"))
    tuning.check()
    lost = [trial for trial in kept if trial not in tuning.tried()]
    assert not lost
    promise(fault, measured={"trials": TRIALS, "kept": len(kept), "kept ones lost": len(lost)})


def told(tuning: Tuning, trouble: str) -> None:
    assert f"of {TRIALS} trials are kept" in trouble
    assert f"--resume {tuning.name}" in trouble
    assert "Traceback" not in trouble
