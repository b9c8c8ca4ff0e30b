"""Stores to workers: all of them, each once, as evenly as whole stores can be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from invplat.core.errors import SettingRefused
from invplat.train.sharding import sharded, sizes
from tests.train.chain import SKUS, chain

STORES = some.dictionaries(some.text("abc", min_size=1, max_size=4), some.integers(0, 1000), min_size=1)


@given(STORES, some.integers(1, 9))
def test_every_store_goes_to_one_worker_and_none_is_idle(stores: dict[str, int], workers: int) -> None:
    found = sharded(stores, workers)
    assert sorted(store for shard in found.shards for store in shard) == sorted(stores)
    assert found.loads == tuple(sum(stores[store] for store in shard) for shard in found.shards)
    assert 1 <= len(found.shards) <= workers
    assert all(found.loads) or not any(stores.values())
    assert list(found.loads) == sorted(found.loads, reverse=True)


@given(STORES, some.integers(1, 9))
def test_the_heaviest_has_at_most_a_third_more_than_the_best_division(stores: dict[str, int], workers: int) -> None:
    found = sharded(stores, workers)
    least = max(max(stores.values()), sum(stores.values()) / len(found.shards))  # no division does better
    spread = sorted(stores.values(), reverse=True)
    if len(spread) > len(found.shards):
        least = max(least, spread[len(found.shards) - 1] + spread[len(found.shards)])
    assert max(found.loads) <= (4 / 3 - 1 / (3 * len(found.shards))) * least + max(stores.values()) / 3


def test_the_heaviest_store_is_placed_first_and_the_imbalance_is_said() -> None:
    found = sharded({"a": 1, "b": 7, "c": 3, "d": 2, "e": 5}, 2)
    assert (found.shards, found.loads) == ((("b", "d"), ("a", "c", "e")), (9, 9))
    found = sharded({"a": 6, "b": 2}, 2)
    assert found.imbalance == pytest.approx(0.5)
    assert found.note == "2 workers, 1 store each; the heaviest has 50.0% more than an equal share"


def test_more_workers_than_stores_are_reduced_and_it_is_said() -> None:
    found = sharded({"a": 6, "b": 2, "idle": 0}, 5)
    assert len(found.shards) == 2
    assert "2 workers (5 were asked for, and a store is not cut in two)" in found.note


def test_fewer_than_one_worker_is_refused() -> None:
    with pytest.raises(SettingRefused, match="0 workers"):
        sharded({"a": 1}, 0)


def test_sizes_come_from_the_manifest_alone(tmp_path: Path) -> None:
    found = sizes(chain(tmp_path), "daily", 7)
    assert [found[f"s{number}"] for number in range(len(SKUS))] == sorted(found.values(), reverse=True)
    assert found["s4"] == 1 * (120 - 7)
