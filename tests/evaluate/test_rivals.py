"""Champion and challenger held against what came: the same cells, known whole, and no verdict without evidence."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from invplat.core.settings import load_settings
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.evaluate.naive import certain
from invplat.evaluate.rivals import Rivalry, rivals, stamp
from invplat.registry.database import Database
from invplat.registry.parts import PREDICTED, SHADOWED, Part, Shelf
from invplat.registry.rows import new_id
from invplat.storage import Storage, open_storage
from tests.transfer.firms import NAMES, firms_in

SHOP, HORIZON = NAMES[0], 7
CHAMPION, CHALLENGER = "a" * 16, "b" * 16


class Kept:
    """A business with forecasts as far off as a test wants them."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self.database, self.storage = database, storage
        dataset = Dataset.open(storage, SHOP)
        self.panel = build_panel(dataset, dataset.stores[0])
        self.sold = certain(self.panel)
        self.end = date.fromisoformat(dataset.manifest.end)

    def say(self, shelf: Shelf, model: str, off: float, *, back: int = 28, days: int = 21, seed: int = 0) -> None:
        """Every day from `back` days before the end, each time for a week: what comes, and so much noise."""
        draw = np.random.default_rng(seed)
        for start in range(days):
            as_of = self.end - timedelta(days=back - start)
            dates = [as_of + timedelta(days=step) for step in range(1, HORIZON + 1)]
            known = self.panel.known - 1 - back + start
            rows = {name: [] for name in ("store", "sku", "as_of", "date", "mean", "q0.1", "q0.9")}
            for row, sku in enumerate(self.panel.skus):
                for step, day in enumerate(dates):
                    place = known + 1 + step
                    came = self.sold[row, place] if place < self.panel.known else 1.0
                    mean = max(float(np.nan_to_num(came, nan=1.0)) + off * draw.standard_normal(), 0.0)
                    said = (self.panel.store, sku, as_of, day, mean, mean - 1, mean + 1)
                    for name, value in zip(rows, said, strict=True):
                        rows[name].append(value)
            self.keep(shelf, model, pl.DataFrame(rows), dates)

    def keep(self, shelf: Shelf, model: str, table: pl.DataFrame, dates: list[date]) -> None:
        sink = io.BytesIO()
        table.write_parquet(sink)
        key = f"{shelf.place(SHOP)}{new_id()}.parquet"
        self.storage.write(key, sink.getvalue())
        shelf.add(self.database, [Part(SHOP, key, len(table), str(dates[0]), str(dates[-1]), model)])

    def rivals(self) -> Rivalry:
        return rivals(self.database, self.storage, SHOP, CHAMPION, CHALLENGER)


@pytest.fixture
def shop(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    firms_in(tmp_path / "home", tmp_path_factory)
    settings = load_settings({"home": str(tmp_path / "home")}, {})
    with closing(Database(settings.database_url)) as database:
        yield Kept(database, open_storage(settings.storage_url))


def test_the_better_one_is_told_and_by_how_much(shop: Kept) -> None:
    shop.say(PREDICTED, CHAMPION, 2.0)
    shop.say(SHADOWED, CHALLENGER, 0.5, seed=1)
    found = shop.rivals()
    assert found.cells + found.waiting <= found.said == 21 * HORIZON * len(shop.panel.skus)
    assert found.waiting == 0
    assert found.champion is not None
    assert found.challenger is not None
    assert found.difference == pytest.approx(found.challenger.wape / found.champion.wape - 1)
    assert found.interval is not None
    assert found.interval[0] < found.difference < found.interval[1] < 0
    assert found.better is True
    assert found.challenger.pinball < found.champion.pinball
    assert found.challenger.coverage > found.champion.coverage
    assert "that is better" in found.sentence


def test_the_worse_one_too_and_of_two_alike_nobody_can_tell(shop: Kept) -> None:
    shop.say(PREDICTED, CHAMPION, 1.0)
    shop.say(SHADOWED, CHALLENGER, 1.0, seed=1)
    found = shop.rivals()
    assert found.interval is not None
    assert found.interval[0] < 0 < found.interval[1]
    assert found.better is None
    other = "c" * 16
    shop.say(SHADOWED, other, 3.0, seed=2)
    assert rivals(shop.database, shop.storage, SHOP, CHAMPION, other).better is False


def test_figures_are_those_of_the_cells_that_both_spoke_of(shop: Kept) -> None:
    """By hand, of one SKU on one day."""
    shop.say(PREDICTED, CHAMPION, 1.0)
    place = shop.panel.known - 12
    row = int(np.argmax(np.isfinite(shop.sold[:, place]) & (shop.sold[:, place] > 0)))
    day = shop.panel.dates[place].astype(object)
    mine = {"store": shop.panel.store, "sku": shop.panel.skus[row], "as_of": day - timedelta(days=1), "date": day}
    shop.keep(SHADOWED, CHALLENGER, pl.DataFrame([{**mine, "mean": 3.5}]), [day])
    found = shop.rivals()
    assert (found.said, found.cells, found.periods, found.first) == (1, 1, 1, day)
    assert found.challenger is not None
    assert found.challenger.wape == pytest.approx(abs(3.5 - shop.sold[row, place]) / shop.sold[row, place])
    assert found.challenger.pinball is None, "there are no levels that both say"
    assert found.better is None, "one cell is no evidence"


def test_what_has_not_come_yet_waits(shop: Kept) -> None:
    assert shop.rivals() == Rivalry(0)
    shop.say(SHADOWED, CHALLENGER, 1.0, back=3, days=1)
    assert shop.rivals().champion is None, "the champion has said nothing"
    shop.say(PREDICTED, CHAMPION, 1.0, back=3, days=1)
    found = shop.rivals()
    assert found.waiting == 4 * len(shop.panel.skus)
    assert found.cells <= 3 * len(shop.panel.skus)
    assert found.better is None


def test_what_is_no_forecast_does_not_count_and_a_spoilt_part_is_passed_over(shop: Kept) -> None:
    shop.say(PREDICTED, CHAMPION, 1.0, days=3)
    shop.say(SHADOWED, CHALLENGER, 1.0, days=3)
    before, was = shop.rivals(), stamp(shop.database, SHOP, CHALLENGER)
    day = shop.end - timedelta(days=20)
    late = {"store": shop.panel.store, "sku": shop.panel.skus[0], "as_of": day, "date": day, "mean": 1e9}
    shop.keep(SHADOWED, CHALLENGER, pl.DataFrame([late]), [day])
    shop.keep(SHADOWED, CHALLENGER, pl.DataFrame([{**late, "date": shop.end, "mean": float("nan")}]), [shop.end])
    key = f"{SHADOWED.place(SHOP)}spoilt.parquet"
    shop.storage.write(key, b"no parquet")
    SHADOWED.add(shop.database, [Part(SHOP, key, 1, str(day), str(day), CHALLENGER)])
    assert shop.rivals() == before
    assert stamp(shop.database, SHOP, CHALLENGER) != was
