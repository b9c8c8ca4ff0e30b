"""Sums of workers through memory that they share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from invplat.train import memory
from invplat.train.exchange import Exchange
from invplat.train.memory import MOST, region_of
from tests.train.threads import together

TURNS = 200


@pytest.mark.parametrize("size", [2, 3])
def test_every_worker_gets_the_same_sum_turn_by_turn(size: int) -> None:
    def work(exchange: Exchange) -> list[torch.Tensor]:
        region = region_of(exchange.rank, size, 5, exchange.gather)
        assert region is not None
        found = []
        for turn in range(TURNS):
            tensor = torch.arange(5, dtype=torch.float32) * (turn + 1) + exchange.rank
            region.sum(tensor)()
            found.append(tensor)
        return found

    sums = together(size, work)
    for turn in range(TURNS):
        expected = size * torch.arange(5) * (turn + 1) + sum(range(size))
        assert all(torch.equal(one[turn], expected.float()) for one in sums)


def test_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ROOMS", (tmp_path,))
    regions = together(2, lambda exchange: region_of(exchange.rank, 2, 1_000, exchange.gather))
    assert all(region is not None for region in regions)
    assert not list(tmp_path.iterdir())


def test_without_room_all_workers_are_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ROOMS", (tmp_path / "gone",))
    assert together(2, lambda exchange: region_of(exchange.rank, 2, 8, exchange.gather)) == [None, None]


def test_a_worker_that_may_not_open_the_memory_keeps_all_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = memory.Region

    def refused(file: object, rank: int, size: int, count: int) -> memory.Region:
        if rank == 1:
            raise OSError("not on this machine")
        return whole(file, rank, size, count)

    monkeypatch.setattr(memory, "Region", refused)
    assert together(3, lambda exchange: region_of(exchange.rank, 3, 8, exchange.gather)) == [None, None, None]


def test_one_worker_or_too_many_have_no_use_for_it() -> None:
    def nobody(_: object) -> list[object]:
        raise AssertionError("nobody is to be asked")

    assert region_of(0, 1, 8, nobody) is None
    assert region_of(0, MOST + 1, 8, nobody) is None
