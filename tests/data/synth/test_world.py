from __future__ import annotations

import errno
import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from invplat.core.errors import SettingRefused, StorageFull
from invplat.core.names import check_tenant
from invplat.data.synth import world as world_module
from invplat.data.synth.files import TenantFiles
from invplat.data.synth.world import make_world
from invplat.data.tables import TABLES

SMALL: dict[str, Any] = {"tenants": 2, "stores": 2, "skus": 10, "days": 130, "seed": 5}


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("dirt", [False, True])
def test_same_arguments_same_bytes(tmp_path: Path, dirt: bool) -> None:
    make_world(tmp_path / "a", **SMALL, dirt=dirt)
    make_world(tmp_path / "b", **SMALL, dirt=dirt)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_another_seed_is_another_world(tmp_path: Path) -> None:
    make_world(tmp_path / "a", **SMALL)
    make_world(tmp_path / "b", **{**SMALL, "seed": 6})
    one, other = content(tmp_path / "a"), content(tmp_path / "b")
    assert one["tenant-0000/sales.csv"] != other["tenant-0000/sales.csv"]


@pytest.mark.parametrize("dirt", [False, True])
def test_a_tenant_is_the_same_among_few_or_many(tmp_path: Path, dirt: bool) -> None:
    few = make_world(tmp_path / "few", **SMALL, dirt=dirt)
    many = make_world(tmp_path / "many", **{**SMALL, "tenants": 4}, dirt=dirt)
    one, other = content(tmp_path / "few"), content(tmp_path / "many")
    assert len(other) > len(one)
    assert {name: text for name, text in one.items() if name != "world.json"}.items() <= other.items()
    assert few["tenants"].items() <= many["tenants"].items()


def test_blocks_of_stores_leave_no_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "BLOCK", SMALL["skus"])
    steps: list[tuple[int, int]] = []
    told = make_world(tmp_path / "w", **SMALL, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for tenant, traits in told["tenants"].items():
        sales = pl.read_csv(tmp_path / "w" / tenant / "sales.csv")
        assert sales["store"].n_unique() == SMALL["stores"]
        assert len(sales) == traits["rows"]["sales"]
        assert pl.read_parquet(tmp_path / "w" / "_truth" / tenant / "demand.parquet")["store"].n_unique() == 2


def test_files_speak_our_column_names(clean: Any) -> None:
    for tenant in clean.tenants:
        check_tenant(tenant)
        files = sorted(p.name for p in (clean.folder / tenant).iterdir())
        assert files == sorted(f"{name}.csv" for name in TABLES if name != "invoices")
        for name, rows in clean.told["tenants"][tenant]["rows"].items():
            frame, table = clean.table(tenant, name), TABLES[name]
            assert len(frame) == rows
            assert set(table.required) <= set(frame.columns) <= {c.name for c in table.columns}
            assert frame.select(table.required).null_count().sum_horizontal().item() == 0
            assert not frame.select(pl.struct(c for c in table.key if c in frame.columns).is_duplicated().any()).item()


def test_world_json_says_what_was_returned(clean: Any) -> None:
    told = json.loads((clean.folder / "world.json").read_text(encoding="utf-8"))
    assert told == clean.told
    assert told["arguments"]["seed"] == 11
    assert told["end"] == "2025-12-31"


def test_the_truth_lists_what_an_analyst_should_find(clean: Any) -> None:
    for tenant in clean.tenants:
        found = clean.truth(tenant, "insights")
        assert found == clean.told["tenants"][tenant]["insights"]
        assert {"unreliable_supplier", "dead_stock"} <= {insight["kind"] for insight in found}


def test_businesses_differ_in_scale_and_assortment(clean: Any) -> None:
    traits = clean.told["tenants"].values()
    scales = sorted(t["scale"] for t in traits)
    assert 0.3 <= scales[0] < 3
    assert 10 < scales[-1] <= 60
    assert len({tuple(t["categories"].items()) for t in traits}) == len(traits)


def test_holidays_and_campaigns_are_known_ahead_and_signals_are_not(clean: Any) -> None:
    end = date.fromisoformat(clean.told["end"])
    for tenant in clean.tenants:
        ahead = clean.table(tenant, "events").filter(pl.col("date") > end)
        assert {"holiday", "campaign"} == set(ahead["kind"])
        assert clean.table(tenant, "signals")["date"].max() == end
        assert clean.table(tenant, "sales")["date"].max() == end


def test_promoted_days_carry_the_price_cut_of_a_campaign(clean: Any) -> None:
    for tenant in clean.tenants:
        sales, events = clean.table(tenant, "sales"), clean.table(tenant, "events")
        promoted = sales.filter(pl.col("promotion") == 1)
        assert len(promoted) > 100
        assert promoted["discount"].min() > 0
        assert sales.filter(pl.col("promotion") == 0)["discount"].max() == 0
        assert set(promoted["date"]) <= set(events.filter(pl.col("kind") == "campaign")["date"])
        assert sales["price"].min() > 0


def test_products_come_and_go(clean: Any) -> None:
    start, end = date.fromisoformat(clean.told["start"]), date.fromisoformat(clean.told["end"])
    for tenant in clean.tenants:
        span = (
            clean.table(tenant, "stock").group_by("sku").agg(pl.col("date").min().alias("first"), pl.col("date").max())
        )
        assert span.filter(pl.col("first") > start).height == 2
        assert span.filter(pl.col("date") < end).height >= 1


@pytest.mark.parametrize(
    "wrong",
    [{"tenants": 0}, {"stores": 0}, {"skus": -1}, {"days": 3}, {"seed": -1}, {"days": 36_500, "end": date(1980, 1, 1)}],
)
def test_a_world_that_makes_no_sense_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingRefused) as refused:
        make_world(tmp_path / "w", **{**SMALL, **wrong})
    assert refused.value.hint
    assert not (tmp_path / "w").exists()


def test_an_older_world_is_replaced_whole(tmp_path: Path) -> None:
    make_world(tmp_path / "w", **{**SMALL, "tenants": 3})
    make_world(tmp_path / "w", **SMALL)
    make_world(tmp_path / "fresh", **SMALL)
    assert content(tmp_path / "w") == content(tmp_path / "fresh")


@pytest.mark.parametrize("beside_a_world", [True, False])
def test_what_somebody_else_put_there_is_not_touched(tmp_path: Path, beside_a_world: bool) -> None:
    out = tmp_path / "w"
    if beside_a_world:
        make_world(out, **SMALL)
    out.mkdir(exist_ok=True)
    (out / "thesis.txt").write_text("years of work")
    before = content(out)
    with pytest.raises(SettingRefused, match=r"thesis\.txt"):
        make_world(out, **SMALL)
    assert content(out) == before


def test_a_world_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "w"
    make_world(out, **SMALL)
    before = content(out)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TenantFiles, "append_truth", full)
    with pytest.raises(StorageFull):
        make_world(out, **{**SMALL, "seed": 6})
    assert content(out) == before
    assert [p.name for p in tmp_path.iterdir() if p.name != "home"] == ["w"]
