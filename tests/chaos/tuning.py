"""A small business that is tuned on by real processes, which tests then kill. For tests only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TRIALS = 10
# Small nets of one shape: a trial takes a second or so.
SMALL = """
batch_size = 16
hidden_one = 32
hidden_two = 32
"""


@dataclass(frozen=True)
class Tuning:
    """One study, wherever it is run."""

    home: Path
    storage: Path
    name: str = "night"

    def words(self, *extra: object) -> list[str]:
        given = ["--home", self.home, "--storage", self.storage, "--name", self.name, "--tenant", "shop", *extra]
        fixed = ["--search", "random", "--scheduler", "none", "--patience", 0, "--seed", 7, "--space", self.space]
        sizes = ["--trials", TRIALS, "--epochs", 8, "--windows", 400, "--max-concurrent", 2]
        return command("tune", "mlp", *fixed, *sizes, "--spec", "past=14,horizon=7", *given)

    def resume(self, *extra: object) -> list[str]:
        given = ["--home", self.home, "--storage", self.storage, "--resume", self.name]
        return command("tune", "mlp", *given, *extra, "--json")

    @property
    def space(self) -> Path:
        return self.home / "space.toml"

    @property
    def folder(self) -> Path:
        return self.storage / "studies" / self.name

    def packs(self, part: str) -> dict[str, Any]:
        """By number, as they were written; `part`: asked or done."""
        found = sorted((self.folder / "packs").glob(f"*.{part}.json"))
        return {path.name.split(".")[0]: json.loads(path.read_text()) for path in found}

    def tried(self) -> list[tuple[int, int, dict[str, Any]]]:
        """Number, seed and params of every trial that ended; one that ended twice is there twice."""
        trials = [trial for pack in self.packs("done").values() for trial in pack]
        return sorted(((trial["number"], trial["seed"], trial["params"]) for trial in trials), key=lambda one: one[0])

    def values(self) -> dict[int, float]:
        return {trial["number"]: trial["loss"] for pack in self.packs("done").values() for trial in pack}

    def check(self) -> None:
        """Complete: every trial there, and once."""
        assert [number for number, _, _ in self.tried()] == list(range(TRIALS))
        assert {trial["state"] for pack in self.packs("done").values() for trial in pack} == {"done"}

    def wait(self, done: int, process: subprocess.Popen[str]) -> None:
        """Until so many packs have ended and another runs."""
        until(lambda: len(self.packs("done")) >= done and len(self.packs("asked")) > len(self.packs("done")), process)


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "invplat", *map(str, words)]


def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=240)


def done(words: Sequence[str]) -> dict[str, Any]:
    """The JSON that a command prints, which must go well."""
    ended = run(words)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@contextmanager
def begun(words: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """In a group of its own, as a shell starts it; nothing of it is left behind."""

    def heard() -> None:  # where pytest itself runs in the background, all below it would be deaf to Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heard
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def until(reached: Callable[[], bool], process: subprocess.Popen[str] | None = None, seconds: float = 150) -> None:
    for _ in range(int(seconds / 0.05)):
        if reached():
            return
        if process is not None and process.poll() is not None:
            raise AssertionError(f"it has ended: {process.stderr.read() if process.stderr else ''}")
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def below(pid: int) -> dict[int, str]:
    """The processes that descend from one, and what each is called."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after = (entry / "stat").read_text().rpartition(")")[2].split()
                names[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            if after[0] != "Z":
                parents[int(entry.name)] = int(after[1])
    found: dict[int, str] = {}
    for child in parents:
        above = child
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and child != pid:
            found[child] = names[child]
    return found


def there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
