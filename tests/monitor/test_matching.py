"""Predictions held against what came: exact by hand, each once, and nothing dropped in silence."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from invplat.monitor import history
from invplat.monitor.facts import read_facts
from invplat.registry.parts import PREDICTED, Part
from tests.monitor.shop import DAYS, END, TENANT, Shop, day, world
from tests.transfer.firms import typed

SERIES = [("A", "x")]
SOLD = [5, 0, 3, 4, 6, 2, 8, 5, 1, 3, 4, 7, 2, 9, 6, 4, 2, 5, 8, 1, 3]  # three weeks from a Monday


def small(shop: Shop, lines: str = "") -> None:
    """One series; `available` 0 marks a day on which the shelf was empty."""
    folder = shop.home / "small"
    folder.mkdir(parents=True)
    rows = [f"A,x,{day(place)},{sold},1" for place, sold in enumerate(SOLD)]
    text = "store,sku,date,quantity,available\n" + "\n".join(rows) + "\n" + lines
    (folder / "sales.csv").write_text(text)
    (folder / "products.csv").write_text("sku,category\nx,tea\n")
    typed(shop.home, "tenant", "add", TENANT, "--data", folder, "--mapping", "generic")


def say(shop: Shop, as_of: int, means: list[float], model: str = "m1", names: Any = SERIES) -> Part:
    mean = np.array([means] * len(names))
    spread = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    part = shop.part(TENANT, model, names, as_of, mean, mean[:, :, None] + spread)
    PREDICTED.add(shop.database, [part])
    return part


def updated(shop: Shop, today: Any = END) -> history.History:
    return history.update(shop.database, shop.storage, read_facts(shop.database, shop.storage, TENANT, today))


def test_by_hand(shop: Shop) -> None:
    small(shop)
    say(shop, 13, [5.0, 4.0, 4.0])  # of day 14, 15 and 16, on which 6, 4 and 2 were sold
    sums = updated(shop).sums.sort("step")
    assert sums["step"].to_list() == [1, 2, 3]
    assert sums["week"].to_list() == [day(14)] * 3
    assert sums["category"].to_list() == ["tea"] * 3
    assert sums["n"].to_list() == [1, 1, 1]
    assert sums["abs_error"].to_list() == [1, 0, 2]
    assert sums["error"].to_list() == [-1, 0, 2]
    assert sums["squared"].to_list() == [1, 0, 4]
    assert sums["actual"].to_list() == [6, 4, 2]
    assert sums["naive_error"].to_list() == [1, 3, 1]  # a week before: 5, 1, 3
    assert sums["covered"].to_list() == [1, 1, 1]
    # Of 5 ± 2, ± 1 and 5 itself what came, 6, lies above three: 3, 4 and 5.
    assert [sums[f"rank_{rank}"][0] for rank in range(4)] == [0, 0, 0, 1]
    # Quantile 0.05 is 3 and 6 came: 0.05 × 3; quantile 0.95 is 7: 0.05 × 1.
    assert sums["pinball_0.05"][0] == pytest.approx(0.15)
    assert sums["pinball_0.95"][0] == pytest.approx(0.05)


def test_twice_is_once(shop: Shop) -> None:
    small(shop)
    part = say(shop, 13, [5.0, 4.0, 4.0])
    first = updated(shop)
    assert first.settled == 1
    (again,) = PREDICTED.of_tenant(shop.database, TENANT)
    assert again.id == part.id
    assert again.matched
    second = updated(shop)
    assert second.settled == 0
    assert second.sums.equals(first.sums)


def test_the_same_said_again_counts_once(shop: Shop) -> None:
    """By another replica, before; and by a service that begins again, after it was settled."""
    small(shop)
    say(shop, 13, [5.0, 4.0, 4.0])
    say(shop, 13, [5.0, 4.0, 4.0])
    first = updated(shop)
    assert first.sums["n"].to_list() == [1, 1, 1]
    say(shop, 13, [5.0, 4.0, 4.0])
    assert updated(shop).sums.equals(first.sums)


def test_broken_off_between_writing_and_marking(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    small(shop)
    say(shop, 13, [5.0, 4.0, 4.0])
    with monkeypatch.context() as patch:
        patch.setattr(type(PREDICTED), "match", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            updated(shop)
    assert PREDICTED.of_tenant(shop.database, TENANT, matched=False)
    after = updated(shop)
    assert after.sums["n"].to_list() == [1, 1, 1]
    assert not PREDICTED.of_tenant(shop.database, TENANT, matched=False)


def test_another_who_writes_first_wins(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    small(shop)
    say(shop, 13, [5.0, 4.0, 4.0])
    create = type(shop.storage).create
    tries: list[str] = []

    def beaten(storage: Any, key: str, data: bytes) -> bool:
        tries.append(key)
        if len(tries) == 1:
            monkeypatch.undo()
            updated(shop)  # the whole of it, just before
        return bool(create(storage, key, data))

    monkeypatch.setattr(type(shop.storage), "create", beaten)
    assert updated(shop).sums["n"].to_list() == [1, 1, 1]
    assert history.read(shop.storage, TENANT)["n"].sum() == 3


def test_of_several_words_each_step_has_its_own(shop: Shop) -> None:
    small(shop)
    say(shop, 13, [5.0, 4.0, 4.0])
    say(shop, 14, [1.0, 1.0, 1.0])  # day 15 and 16 once more, a step nearer
    sums = updated(shop).sums
    assert sums["n"].sum() == 6
    assert sums.filter(pl.col("step") == 1)["n"].sum() == 2


def test_weeks_add_up(shop: Shop) -> None:
    small(shop)
    for as_of in range(7, 18):
        say(shop, as_of, [4.0, 4.0, 4.0])
    sums = updated(shop).sums
    assert set(sums["week"].to_list()) == {day(7), day(14)}
    assert sums["actual"].sum() == sum(sum(SOLD[as_of + 1 : as_of + 4]) for as_of in range(7, 18))


def test_what_is_open_is_counted_and_told_once_more(shop: Shop) -> None:
    small(shop)
    say(shop, 18, [3.0, 3.0, 3.0])  # day 21 is not known yet
    first = updated(shop, day(20))
    assert first.settled == 0
    assert first.sums["n"].sum() == 2
    assert first.matched.states["waiting"] == 1
    more = shop.home / "more.csv"
    more.write_text(f"store,sku,date,quantity,available\nA,x,{day(21)},4,1\n")
    typed(shop.home, "data", "append", "--tenant", TENANT, "--mapping", "generic", f"sales={more}")
    second = updated(shop, day(21))
    assert second.settled == 1
    assert second.sums["n"].sum() == 3


def test_what_never_comes_is_not_waited_for_ever(shop: Shop) -> None:
    small(shop)
    say(shop, 18, [3.0, 3.0, 3.0], names=[("A", "x"), ("A", "gone")])
    found = updated(shop, day(20))
    assert found.matched.states["gone"] == 3
    rows = "".join(f"A,x,{day(place)},4,1\n" for place in range(21, 50))
    (shop.home / "later.csv").write_text("store,sku,date,quantity,available\n" + rows)
    typed(shop.home, "data", "append", "--tenant", TENANT, "--mapping", "generic", f"sales={shop.home / 'later.csv'}")
    assert updated(shop, day(60)).settled == 1


def test_an_empty_shelf_is_no_actual(shop: Shop) -> None:
    folder = shop.home / "short"
    folder.mkdir(parents=True)
    rows = [f"A,x,{day(place)},{sold},{0.5 if place == 15 else 1}" for place, sold in enumerate(SOLD)]
    (folder / "sales.csv").write_text("store,sku,date,quantity,available\n" + "\n".join(rows) + "\n")
    typed(shop.home, "tenant", "add", TENANT, "--data", folder, "--mapping", "generic")
    say(shop, 13, [5.0, 4.0, 4.0])
    found = updated(shop)
    assert found.matched.states["censored"] == 1
    assert found.sums["n"].sum() == 2
    assert any("the shelf was empty" in note for note in shop.look().notes) is False  # it was settled before


def test_unknown_skus_late_words_and_the_unspoken_are_told(shop: Shop) -> None:
    small(shop, f"A,y,{day(20)},3,1\n")
    say(shop, 13, [5.0, 4.0, 4.0], names=[("A", "x"), ("Z", "x"), ("A", "nobody")])
    late = shop.part(TENANT, "m1", SERIES, 16, np.array([[1.0]]), np.zeros((1, 1, 5)))
    path = shop.storage.path(late.key)  # type: ignore[attr-defined]
    rows = pl.read_parquet(path).with_columns(pl.col("date").alias("as_of"))
    rows.write_parquet(path)
    PREDICTED.add(shop.database, [late])
    notes = " ".join(shop.look(today=day(20)).notes)
    assert "6 predictions of a store or SKU that the data do not have" in notes
    assert "1 predictions said after the fact" in notes
    assert "1 series sell and none of the open forecasts speaks of them" in notes


def test_a_part_that_is_gone_is_told_and_stays(shop: Shop) -> None:
    small(shop)
    part = say(shop, 13, [5.0, 4.0, 4.0])
    say(shop, 14, [5.0, 4.0, 4.0])
    shop.storage.remove(part.key)
    found = shop.look(today=day(20))
    assert any("can't be read" in note for note in found.notes)
    assert found.accuracy["cells"] == 3
    assert [one.id for one in PREDICTED.of_tenant(shop.database, TENANT, matched=False)] == [part.id]


def test_nothing_that_counts_and_words_that_are_no_numbers(shop: Shop) -> None:
    small(shop)
    say(shop, 13, [5.0, 4.0], names=[("A", "gone")])
    first = updated(shop)
    assert (first.settled, len(first.sums)) == (1, 0)
    say(shop, 14, [float("nan"), 4.0, 4.0])
    second = updated(shop)
    assert second.settled == 1
    assert second.matched.states["broken"] == 1
    assert second.sums["n"].sum() == 2
    assert second.sums["abs_error"].sum() == abs(4 - SOLD[16]) + abs(4 - SOLD[17])


def test_models_with_other_levels_side_by_side(shop: Shop) -> None:
    small(shop)
    say(shop, 13, [5.0, 4.0, 4.0])
    part = say(shop, 13, [5.0, 4.0, 4.0], model="m2")
    path: Path = shop.storage.path(part.key)  # type: ignore[attr-defined]
    pl.read_parquet(path).drop("q0.05", "q0.25", "q0.75", "q0.95").write_parquet(path)
    made = shop.look(today=day(20))
    assert {row["model"]: row["cells"] for row in made.groups["model"]} == {"m1": 3, "m2": 3}
    one, other = made.groups["model"]
    assert set(other["pinball"]) == {"0.5"}
    assert one["pinball"]["0.5"] == other["pinball"]["0.5"] == made.accuracy["pinball"]["0.5"]
    assert made.accuracy["coverage"] == one["coverage"]
    assert made.accuracy["promised"] == pytest.approx(0.9)


def test_weekly_forecasts_of_daily_data(shop: Shop) -> None:
    small(shop)
    table = pl.DataFrame(
        {
            "store": ["A"],
            "sku": ["x"],
            "as_of": [day(7)],
            "date": [day(14)],
            "mean": [30.0],
            **{f"q{one}": [30.0] for one in (0.1, 0.9)},
        }
    )
    key = f"tenants/{TENANT}/predictions/weekly.parquet"
    path: Path = shop.storage.path(key)  # type: ignore[attr-defined]
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path)
    PREDICTED.add(shop.database, [Part(TENANT, key, 1, str(day(14)), str(day(14)), "m1")])
    sums = updated(shop, day(20)).sums
    assert sums["actual"].to_list() == [sum(SOLD[14:])]
    assert sums["step"].to_list() == [1]


def test_as_the_journal_writes_them(shop: Shop) -> None:
    """What `serve.journal` makes can be read: the same columns and kinds."""
    from types import SimpleNamespace

    from invplat.serve.journal import _Entry, table_of

    small(shop)
    book = SimpleNamespace(names=SERIES, as_of=day(13), dates=[day(14), day(15)])
    mean, quantiles = np.array([[6.0, 4.0]], np.float32), np.full((1, 2, 3), 5, np.float32)
    entry = _Entry(SimpleNamespace(book=book), "m1", np.array([0]), mean, quantiles, (0.1, 0.5, 0.9))  # type: ignore[arg-type]
    key = f"tenants/{TENANT}/predictions/own.parquet"
    import pyarrow.parquet as pq

    path: Path = shop.storage.path(key)  # type: ignore[attr-defined]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table_of(entry), path)
    PREDICTED.add(shop.database, [Part(TENANT, key, 2, str(day(14)), str(day(15)), "m1")])
    sums = updated(shop).sums
    assert sums["levels"].to_list() == ["0.1,0.5,0.9"] * 2
    assert sums["abs_error"].sum() == 0


def test_the_same_look_twice_says_the_same(shop: Shop) -> None:
    made = world()
    shop.add(made)
    shop.predict(made, range(DAYS - 60, DAYS - 1))
    first = shop.look().to_dict()
    second = shop.look().to_dict()
    moved = {"cells", "notes"}  # what was settled by the first is not looked at again
    assert {name: value for name, value in first.items() if name not in moved} == {
        name: value for name, value in second.items() if name not in moved
    }
    kept = json.loads(shop.storage.read(f"tenants/{TENANT}/monitor/latest.json"))
    assert kept == second
    assert len(shop.storage.names(f"tenants/{TENANT}/monitor/accuracy")) <= history.KEPT + 1
    assert (END + timedelta(days=0)).isoformat() == kept["end"]
