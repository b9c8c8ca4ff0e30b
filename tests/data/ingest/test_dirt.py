"""Planted dirt: every fault found where it was planted and under its own rule, and none invented."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from invplat.data.rules import MERGE, QUARANTINE, REPAIR
from invplat.data.synth.world import make_world

WORLDS = [(1, 3, 24, 120), (2, 6, 40, 200), (3, 2, 90, 365)]  # seed, stores, SKUs, days
REPAIRED = set(REPAIR)


def world(folder: Path, seed: int, stores: int, skus: int, days: int, *, dirt: bool) -> tuple[Path, dict[str, Any]]:
    told = make_world(folder, tenants=1, stores=stores, skus=skus, days=days, seed=seed, dirt=dirt)
    (tenant,) = told["tenants"]
    return folder / tenant, told


@pytest.mark.parametrize(("seed", "stores", "skus", "days"), WORLDS)
def test_every_planted_fault_is_found_and_none_invented(
    shop: Any, tmp_path: Path, seed: int, stores: int, skus: int, days: int
) -> None:
    folder, told = world(tmp_path / "world", seed, stores, skus, days, dirt=True)
    outcome = shop.ingest(folder, today=date.fromisoformat(told["end"]))
    dataset = shop.check()
    planted = json.loads((tmp_path / "world" / "_truth" / folder.name / "planted.json").read_text())

    rows_in = {name: counts.rows_in for name, counts in outcome.tables.items()}
    assert rows_in == told["tenants"][folder.name]["rows"]

    found = {(Path(row["file"]).name, row["row"], row["reason"]) for row in dataset.quarantine().to_pylist()}
    assert found == {(fault["file"], fault["row"], fault["rule"]) for fault in planted if fault["rule"] in QUARANTINE}
    repaired = {(Path(row["file"]).name, row["row"], row["reason"]) for row in dataset.repairs().to_pylist()}
    expected = {(fault["file"], fault["row"], fault["rule"]) for fault in planted if fault["rule"] in REPAIRED}
    assert {line for line in repaired if line[2] in REPAIRED} == expected
    copies = {
        (Path(row["file"]).name, row["row"])
        for row in dataset.repairs().to_pylist()
        if row["reason"] == "duplicate_row"
    }
    assert copies == {(fault["file"], fault["row"]) for fault in planted if fault["rule"] == "duplicate_row"}

    counts = Counter(f"{Path(fault['file']).stem}.{fault['rule']}" for fault in planted)
    assert outcome.rules == dict(counts) == dataset.manifest.rules
    for name, of_table in outcome.tables.items():
        assert of_table.balanced
        assert of_table.rows_quarantined == sum(counts[f"{name}.{rule}"] for rule in QUARANTINE)
        assert of_table.rows_merged == sum(counts[f"{name}.{rule}"] for rule in MERGE)


def test_the_quarantine_says_what_stood_there(shop: Any, tmp_path: Path) -> None:
    folder, told = world(tmp_path / "world", *WORLDS[0], dirt=True)
    shop.ingest(folder, today=date.fromisoformat(told["end"]))
    planted = json.loads((tmp_path / "world" / "_truth" / folder.name / "planted.json").read_text())
    said = {(Path(row["file"]).name, row["row"]): row for row in shop.dataset().quarantine().to_pylist()}
    for fault in planted:
        if fault["rule"] in QUARANTINE:
            row = said[fault["file"], fault["row"]]
            if fault["rule"] == "absurd_lead_time":  # between two columns: either may be the wrong one
                continue
            assert row["column"] == fault["column"]
            assert (row["value"] or "") == fault["value"][:200]


@pytest.mark.parametrize("seed", [4, 5])
def test_a_clean_world_has_nothing_to_mend(shop: Any, tmp_path: Path, seed: int) -> None:
    folder, told = world(tmp_path / "world", seed, 3, 30, 150, dirt=False)
    outcome = shop.ingest(folder, today=date.fromisoformat(told["end"]))
    dataset = shop.check()
    assert outcome.rules == {}
    assert outcome.counts.rows_in == outcome.counts.rows_kept == sum(told["tenants"][folder.name]["rows"].values())
    assert len(dataset.quarantine()) == len(dataset.repairs()) == 0
