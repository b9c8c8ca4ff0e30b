"""serve_soak: a deployment asked for minutes on end; its replicas' memory must stay flat, and its answers as quick.

Two replicas behind HAProxy, four small businesses served each in another way, forecasts and orders through our client
from a few threads; every answer is held against what the model that it names says in this process. Every so often a
champion goes over to another model and back, so that what is left behind is seen, too. The first fifth is warm-up.

    make bench NAME=serve_soak
    SOAK=120 make bench NAME=serve_soak
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forecasting.common import ROOT, last_line

sys.path.insert(0, str(ROOT))

from tests.chaos.serving import Load, Wanted
from tests.serve.deployed import CONTROLLER, PROXY, REPLICA, Deployed, deployed
from tests.serve.shops import BASE, LAST, RULE, WHOLE, moved, promoted, serving, shops_in

EVERYBODY = (LAST, WHOLE, BASE, RULE)
EVERY = 1.0  # seconds between two looks at the memory
TURN = 10.0  # seconds between two promotions
WARM = 0.2  # of the time
GROWTH = 0.05  # of memory from the end of the warm-up on
SLOWER = 1.5  # the last third's median latency over the first's


def main() -> None:
    seconds = float(os.environ.get("SOAK", "600"))
    with tempfile.TemporaryDirectory(prefix="invplat-soak-") as made:
        _soak(Path(made), seconds)


def _soak(folder: Path, seconds: float) -> None:
    home, wanted = folder / "home", Wanted()
    shops_in(home, _Folders(folder))  # type: ignore[arg-type]
    turns: dict[str, list[Any]] = {LAST: [], WHOLE: []}
    with serving(home) as service:
        for name in EVERYBODY:
            wanted.learn(service, name)
        for seed in (1, 2):
            for name, which in ((LAST, ("head.says.",)), (WHOLE, ("",))):
                turns[name].append(moved(service.database, home, name, which, seed))
                service.refresh()
                wanted.learn(service, name)
    with deployed(home) as found:
        print(f"up after {found.took:.1f} s; {seconds:.0f} s of asking", flush=True)
        memory = _Memory(found)
        with Load(found, wanted, EVERYBODY, rate=200).running() as load:
            began = time.monotonic()
            turn = 0
            while time.monotonic() < began + seconds:
                memory.look(time.monotonic() - began)
                if time.monotonic() > began + TURN * (turn + 1):
                    turn += 1
                    with found.database() as database:
                        for name, each in turns.items():
                            promoted(database, name, each[turn % 2])
                time.sleep(EVERY)
        _tell(load, memory, began, seconds, turn)


class _Memory:
    """Bytes that belong to nobody else, of each process that serves."""

    def __init__(self, found: Deployed) -> None:
        self.found = found
        self.seen: dict[str, list[tuple[float, float]]] = {}

    def look(self, when: float) -> None:
        for name in (REPLICA, PROXY, CONTROLLER):
            for pid in self.found.called(name):
                self.seen.setdefault(f"{name.removeprefix('ray::')} {pid}", []).append((when, private(pid)))
        for pid in self.found.in_front():
            self.seen.setdefault(f"HAProxy {pid}", []).append((when, private(pid)))

    def growth(self, name: str, warm: float) -> tuple[float, float]:
        """MiB after the warm-up, and by how much of it the last fifth is above the first fifth after."""
        after = np.array([size for when, size in self.seen[name] if when >= warm])
        some = max(1, len(after) // 5)
        first, last = np.median(after[:some]), np.median(after[-some:])
        return float(first) / 2**20, float(last / first - 1)


def private(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return float("nan")
    return 1024.0 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def _tell(load: Load, memory: _Memory, began: float, seconds: float, turns: int) -> None:
    warm = WARM * seconds
    growth = {name: memory.growth(name, warm) for name in memory.seen if len(memory.seen[name]) > 4}
    print(f"\n{'':28}{'MiB':>8}{'growth':>9}")
    for name, (size, more) in growth.items():
        seen = [each / 2**20 for _, each in memory.seen[name]]
        print(f"{name:28}{size:8.0f}{more:9.2%}  {', '.join(f'{each:.0f}' for each in seen[:: len(seen) // 10 or 1])}")
    took = [(when - began, each) for when, each in load.took if when - began >= warm]
    third = (seconds - warm) / 3
    early, late = (
        [each for when, each in took if lowest <= when < lowest + third] for lowest in (warm, warm + 2 * third)
    )
    figures = {
        "seconds": seconds,
        "requests": load.asked,
        "rate": load.asked / seconds,
        "wrong": len(load.wrong),
        "raw": dict(load.raw),
        "promotions": 2 * turns,
        "p50_ms": [1e3 * float(np.median(each)) for each in (early, late)],
        "p99_ms": [1e3 * float(np.quantile(each, 0.99)) for each in (early, late)],
        "replica_mib": [size for name, (size, _) in growth.items() if name.startswith(REPLICA)],
        "replica_growth": max(more for name, (_, more) in growth.items() if name.startswith(REPLICA)),
    }
    print(f"p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms in the first and the last third; {load.told} raw")
    met = (
        load.right == load.asked
        and set(load.raw) == {"200"}
        and figures["replica_growth"] <= GROWTH
        and figures["p50_ms"][1] <= SLOWER * figures["p50_ms"][0]
    )
    target = {"wrong": 0, "replica_growth": f"<= {GROWTH}", "p50": f"the last third's <= {SLOWER} of the first's"}
    last_line("serve_soak", ours=figures, peers={}, target=target, met=met, reproduced=None)


class _Folders(pytest.TempPathFactory):
    """Where tests' helpers make what they need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mktemp(self, basename: str, numbered: bool = True) -> Path:
        made = self.folder / f"{basename}-{threading.get_native_id()}"
        made.mkdir()
        return made


if __name__ == "__main__":
    main()
