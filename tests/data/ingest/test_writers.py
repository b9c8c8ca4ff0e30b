"""Two processes at one tenant: both versions whole, nothing of either lost."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from invplat.core.errors import Conflict
from invplat.data import ingest as ingesting
from invplat.data.dataset import versions
from invplat.data.intake.commit import Writer
from tests.data.ingest.shop import Shop

HEADER = "store,sku,date,quantity"

WRITER = """
import sys
import invplat.cli.data.append, invplat.cli.data.ingest, invplat.data.ingest
from invplat.cli.main import cli
print("ready", flush=True)
sys.stdin.readline()
cli.main(sys.argv[1:])
"""


def together(shop: Shop, command: str, files: list[str]) -> list[dict[str, Any]]:
    """The command for each file, each in a process of its own, all let go at once."""
    args = [
        "data",
        command,
        "--tenant",
        "shop",
        "--json",
        "--storage-url",
        str(shop.storage.root),
        "--today",
        "2026-01-31",
    ]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [subprocess.Popen([sys.executable, "-c", WRITER, *args, file], text=True, **pipes) for file in files]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = []
    for process in running:
        out, error = process.communicate()
        assert process.returncode == 0, error
        told.append(json.loads(out))
    return told


def write(shop: Shop, number: int) -> str:
    lines = [f"s{n % 9},{n % 50},2025-01-{1 + n % 28:02d},{n}" for n in range(3000)]
    return str(shop.file(f"sales_{number}.csv", HEADER, *lines, f"only-{number},a,2025-01-01,{number}"))


def test_two_ingests_at_once(shop: Shop) -> None:
    told = together(shop, "ingest", [write(shop, number) for number in (1, 2, 3)])
    assert sorted(each["dataset_version"] for each in told) == [1, 2, 3] == versions(shop.storage, "shop")
    for number, each in enumerate(told, 1):
        dataset = shop.check(each["dataset_version"])
        assert [store for store in dataset.stores if store.startswith("only")] == [f"only-{number}"]


def test_two_appends_at_once(shop: Shop) -> None:
    shop.ingest(shop.file("sales.csv", HEADER, "s0,a,2025-01-01,1"))
    told = together(shop, "append", [write(shop, number) for number in (1, 2, 3)])
    assert sorted(each["dataset_version"] for each in told) == [2, 3, 4] == versions(shop.storage, "shop")[1:]
    last = shop.check(4)
    assert {"only-1", "only-2", "only-3"} < set(last.stores)
    assert last.manifest.counts.rows_in == 1 + 3 * 3001
    assert [shop.check(version).manifest.parent for version in (2, 3, 4)] == [1, 2, 3]


def test_always_overtaken(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.ingest(shop.file("sales.csv", HEADER, "s0,a,2025-01-01,1"))
    before = shop.objects()
    monkeypatch.setattr(Writer, "commit", lambda *_: None)
    with pytest.raises(Conflict, match="others kept writing to tenant shop's dataset"):
        shop.append(shop.file("sales_2.csv", HEADER, "s0,a,2025-01-02,1"))
    assert ingesting.TRIES > 1
    assert shop.objects() == before
