"""A process whose clock is wrong by hours: a sitecustomize in a folder on its PYTHONPATH. For tests only.

Only Python's own clock is moved, as that is what the platform asks; databases go on by theirs, as on machines of their
own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SITE = """
import datetime, os, sys, time
from importlib.machinery import PathFinder
shift = float(os.environ["CLOCK_SHIFT"])
moved = datetime.timedelta(seconds=shift)
plain, plain_ns, gmtime, localtime = time.time, time.time_ns, time.gmtime, time.localtime
time.time = lambda: plain() + shift
time.time_ns = lambda: plain_ns() + int(shift * 1e9)
time.gmtime = lambda seconds=None: gmtime(time.time() if seconds is None else seconds)
time.localtime = lambda seconds=None: localtime(time.time() if seconds is None else seconds)
Real, RealDate = datetime.datetime, datetime.date
class Moved(Real):
    __slots__ = ()
    @classmethod
    def now(cls, tz=None): return Real.now(tz) + moved
class MovedDate(RealDate):
    __slots__ = ()
    @classmethod
    def today(cls): return (Real.now() + moved).date()
class Finder:  # compiled libraries do not bear other dates than Python's own: only the platform's modules get them
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] != "invplat":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            for key, real, other in (("datetime", Real, Moved), ("date", RealDate, MovedDate)):
                if module.__dict__.get(key) is real:
                    setattr(module, key, other)
        spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, Finder)
"""


def run_skewed(folder: Path, hours: float, script: str, *words: str) -> str:
    """What the script prints; its clock is so many hours ahead."""
    ended = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=environment(folder, hours),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def started_skewed(folder: Path, hours: float, words: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words, env=environment(folder, hours), stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


def environment(folder: Path, hours: float) -> dict[str, str]:
    site = folder / "clock"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(SITE)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "CLOCK_SHIFT": str(hours * 3600), "OMP_NUM_THREADS": "1"}
