"""An ingest killed at any moment never leaves a version that reads wrong, and the next one cleans up after it.

One process imports the program once and forks for every try, so that tries cost what the ingest costs.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import xxhash

from invplat.data.dataset import data_prefix, versions
from tests.chaos.promises import Promise
from tests.data.ingest.shop import Shop

TRIES = 40
BUDGET = 600_000  # bytes: so that the few rows of a test spill and a store is cut

FORKER = f"""
import json, os, signal, sys, time
from invplat.data.intake import spill
spill.BUDGET = {BUDGET}
# All that a run imports: Python's own import machinery does not bear an interrupt.
import _strptime, importlib.readers, numpy.ma, polars, pyarrow.compute, pyarrow.parquet, rich.table
import invplat.cli.data.append, invplat.cli.data.ingest, invplat.data.ingest, invplat.data.sources.locate
from invplat.cli.main import cli
print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # until the child is inside the program
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):
            os.dup2(nowhere, stream)
        code = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            cli.main(job["args"])
        except SystemExit as end:
            code = end.code
        except KeyboardInterrupt:
            code = 130
        finally:
            sys.stderr.flush()
            os._exit(code)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    begin = time.monotonic()
    if job["signal"]:
        time.sleep(0.005 + job["after"])  # once the program is running
        os.kill(child, job["signal"])
    _, status = os.waitpid(child, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic() - begin]), flush=True)
"""


@dataclass
class Killer:
    shop: Shop
    run: Callable[[list[str], int, float], tuple[int, float]]
    number: int = 0

    def fresh(self) -> str:
        """A file of unlike stores that no version holds yet."""
        self.number += 1
        lines = ["store,sku,date,quantity,price"]
        for store, skus in enumerate((300, 90, 80, 60, 40, 20, 10, 5, 2)):
            for sku in range(skus):
                lines += [
                    f"store-{store},sku-{sku:03d},2025-{1 + day // 28:02d}-{1 + day % 28:02d},{(day * sku) % 9},2.5"
                    for day in range(56)
                ]
        lines += [f"store-0,sku-000,never,{n},1" for n in range(100)]
        lines.append(f"store-1,try-{self.number:03d},2025-01-01,{self.number},1")
        return str(self.shop.file("sales_all.csv", *lines))

    def start(self, command: str, stop: int = 0, after: float = 0.0) -> tuple[int, float]:
        args = ["data", command, "--tenant", "shop", "--quiet", "--storage-url", str(self.shop.storage.root)]
        return self.run([*args, "--today", "2026-01-31", self.fresh()], stop, after)

    def check_all(self) -> list[int]:
        """Every version: numbered without a gap, its files there with the very bytes, its counts true."""
        there = versions(self.shop.storage, "shop")
        assert there == list(range(1, len(there) + 1))
        for version in there:
            manifest = self.shop.dataset(version).manifest
            files = [file for record in manifest.tables.values() for file in record.files]
            for file in (*files, *manifest.quarantine, *manifest.repairs):
                data = self.shop.storage.read(f"{data_prefix('shop')}/{file.key}")
                assert xxhash.xxh3_128_hexdigest(data) == file.hash
            assert manifest.counts.balanced
            assert sum(file.rows for file in files) == manifest.counts.rows_kept
            assert sum(file.rows for file in manifest.quarantine) == manifest.counts.rows_quarantined
        if there:
            self.shop.check()
        return there

    def unfinished(self, *, tidy: bool = True) -> list[str]:
        """What is there that no version needs; a write killed before it could say whose it is holds nothing."""
        prefix = data_prefix("shop")
        named = set()
        for version in versions(self.shop.storage, "shop"):
            manifest = self.shop.dataset(version).manifest
            files = [file for record in manifest.tables.values() for file in record.files]
            named |= {file.key.split("/")[0] for file in (*files, *manifest.quarantine, *manifest.repairs)}
        names = self.shop.storage.names
        assert tidy is False or not [write for write in named if "scratch" in names(f"{prefix}/{write}")]
        return [write for write in names(prefix) if write not in named and names(f"{prefix}/{write}")]


@pytest.fixture
def killer(tmp_path: Path, home: Any) -> Iterator[Killer]:
    with subprocess.Popen(
        [sys.executable, "-c", FORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as forker:
        assert forker.stdin is not None
        assert forker.stdout is not None
        assert forker.stdout.readline() == "ready\n"

        def run(args: list[str], stop: int, after: float) -> tuple[int, float]:
            assert forker.stdin is not None
            assert forker.stdout is not None
            forker.stdin.write(json.dumps({"args": args, "signal": stop, "after": after}) + "\n")
            forker.stdin.flush()
            code, seconds = json.loads(forker.stdout.readline())
            return code, seconds

        yield Killer(Shop(tmp_path / "shop"), run)
        forker.stdin.close()


@pytest.mark.slow
def test_killed_at_any_moment(killer: Killer, promise: Promise) -> None:
    what = "an ingest killed at any moment"
    promise(what, "no version reads wrong; the next ingest tidies up")
    code, _ = killer.start("ingest")  # the first one warms the machine's caches
    assert code == 0
    whole = max(killer.start(command)[1] for command in ("ingest", "append"))
    killed, done = 0, len(killer.check_all())
    assert done == 3
    for number in range(TRIES):
        command = "append" if number % 3 == 2 else "ingest"
        code, _ = killer.start(command, signal.SIGKILL, whole * (number * 7 % TRIES + 0.5) / TRIES)
        assert code in (0, -signal.SIGKILL)
        killed += code != 0
        there = len(killer.check_all())
        assert there - done in ((0, 1) if code else (1,))  # killed after the version was made: it is whole
        done = there
        if number % 4 == 3:
            assert killer.start(command)[0] == 0
            done += 1
            assert len(killer.check_all()) == done
            assert killer.unfinished() == []
    assert killed >= TRIES // 4
    assert killer.start("append")[0] == 0
    assert killer.unfinished() == []
    assert killer.check_all()[-1] == done + 1
    promise(what, measured={"versions that read wrong": 0, "kills": killed})


@pytest.mark.slow
def test_interrupted_at_any_moment(killer: Killer) -> None:
    assert killer.start("ingest")[0] == 0
    whole = max(killer.start(command)[1] for command in ("ingest", "append"))
    interrupted, done = 0, len(killer.check_all())
    for number in range(10):
        command = "append" if number % 2 else "ingest"
        code, _ = killer.start(command, signal.SIGINT, whole * (number + 0.5) / 10)
        assert code in (0, 130)
        interrupted += code == 130
        there = len(killer.check_all())
        assert there - done in ((0, 1) if code else (1,))
        # Interrupted after its version was made, a write may leave it to the next one to tidy up.
        assert killer.unfinished(tidy=there == done) == []
        done = there
    assert interrupted >= 3
