"""Series far off: found when the forecasts of one go wrong, and none found while they are as good as they promise."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import poisson

from invplat.core.settings import load_settings
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.evaluate import misses as room
from invplat.evaluate.misses import misses
from invplat.evaluate.naive import certain
from invplat.registry.database import Database
from invplat.registry.parts import PREDICTED, SHADOWED, Part, Shelf
from invplat.registry.rows import new_id
from invplat.storage import Storage, open_storage
from tests.transfer.firms import NAMES, firms_in

SHOP = NAMES[0]


class Kept:
    def __init__(self, database: Database, storage: Storage) -> None:
        self.database, self.storage = database, storage
        self.dataset = Dataset.open(storage, SHOP)
        self.panel = build_panel(self.dataset, self.dataset.stores[0])
        self.sold = np.nan_to_num(certain(self.panel))
        self.end = date.fromisoformat(self.dataset.manifest.end)
        self.best = int(self.sold[:, -28:].sum(axis=1).argmax())  # the one that sells most

    def say(self, factor: dict[int, float], *, back: int = 28, shelf: Shelf = PREDICTED) -> None:
        """Of four weeks, a week at a time, as good as can be, or so many times too much."""
        for week in range(back // 7):
            as_of = self.end - timedelta(days=back - 7 * week)
            rows = []
            for row, sku in enumerate(self.panel.skus):
                for step in range(7):
                    place = self.panel.known - back + 7 * week + step
                    mean = float(self.sold[row, place]) * factor.get(row, 1.0)
                    band = {f"q{one:g}": float(poisson.ppf(one, mean)) if mean else 0.0 for one in (0.05, 0.95)}
                    day = as_of + timedelta(days=1 + step)
                    rows.append(
                        {"store": self.panel.store, "sku": sku, "as_of": as_of, "date": day, "mean": mean, **band}
                    )
            sink = io.BytesIO()
            pl.DataFrame(rows).write_parquet(sink)
            key = f"{shelf.place(SHOP)}{new_id()}.parquet"
            self.storage.write(key, sink.getvalue())
            dates = sorted(each["date"] for each in rows)
            shelf.add(self.database, [Part(SHOP, key, len(rows), str(dates[0]), str(dates[-1]), "m")])


@pytest.fixture
def shop(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    firms_in(tmp_path / "home", tmp_path_factory)
    settings = load_settings({"home": str(tmp_path / "home")}, {})
    with closing(Database(settings.database_url)) as database:
        yield Kept(database, open_storage(settings.storage_url))


def test_none_where_forecasts_are_as_good_as_they_promise(shop: Kept) -> None:
    assert misses(shop.database, shop.dataset) == []
    shop.say({})
    assert misses(shop.database, shop.dataset) == []


@pytest.mark.parametrize("factor", [4.0, 0.25])
def test_one_that_goes_wrong_is_named_with_its_figures(shop: Kept, factor: float) -> None:
    shop.say({shop.best: factor})
    (found,) = misses(shop.database, shop.dataset)
    assert (found.store, found.sku) == (shop.panel.store, shop.panel.skus[shop.best])
    assert found.off == pytest.approx(1 / factor - 1, rel=1e-6)
    assert 0 < found.outside <= found.periods <= 28


def test_what_a_challenger_would_have_said_does_not_count(shop: Kept) -> None:
    shop.say({shop.best: 4.0}, shelf=SHADOWED)
    assert misses(shop.database, shop.dataset) == []


def test_the_newest_word_counts_and_only_so_much_is_read(shop: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.say({shop.best: 4.0})
    shop.say({})  # said once more, as of the same days, and rightly
    assert misses(shop.database, shop.dataset) == []
    shop.say({shop.best: 4.0}, back=14)
    monkeypatch.setattr(room, "ROWS", 1)
    (found,) = misses(shop.database, shop.dataset)
    assert found.periods <= 7, "one part is read at least"
