"""The year's replay, made short: what is planted is found, in time and by its signal, and retraining pays.

The year itself: make bench NAME=year_replay.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from replaying.replay import ARMS, WITH, WITHOUT, Outcome, Sizes, replay
from replaying.world import CLOSED, LINE, SHIFT, SIGNALS, SLOW, WEEK, Shop, world

from invplat.monitor.need import Limits
from invplat.monitor.round import Wishes

BEFORE, WEEKS = 52, 7
AT = {SHIFT: 3, LINE: 3, CLOSED: 3, SLOW: 3}
WITHIN = {SHIFT: 21, LINE: 14, CLOSED: 14, SLOW: 42}  # days


@pytest.fixture(scope="module")
def shops() -> list[Shop]:
    return world(4, 3, 8, BEFORE, WEEKS, 1, AT)


@pytest.fixture(scope="module")
def lived(shops: list[Shop], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    wishes = Wishes(limits=Limits(age=60, rest=21), epochs=8)
    sizes = Sizes(windows=4000, epochs=8, past=28, horizon=7, hidden=32, adapting=8)
    try:
        return replay(tmp_path_factory.mktemp("year"), shops, BEFORE, WEEKS, wishes, sizes, lambda _: None)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("kind", [SHIFT, LINE, CLOSED, SLOW])
def test_each_trouble_is_found_by_its_signal_and_not_before(shops: list[Shop], lived: Outcome, kind: str) -> None:
    (trouble,) = [shop.trouble for shop in shops if shop.trouble is not None and shop.trouble.kind == kind]
    found = lived.found(trouble)
    assert found is not None
    assert found["kind"] in SIGNALS[kind]
    assert (found["told"] - trouble.day).days < WITHIN[kind]
    assert lived.early(trouble) == []


def test_retraining_costs_no_more(lived: Outcome) -> None:
    assert lived.failed == []
    assert lived.retrained
    assert lived.total(WITH) <= lived.total(WITHOUT)


def test_every_week_of_every_business_is_counted_in_both_arms(shops: list[Shop], lived: Outcome) -> None:
    for arm in ARMS:
        assert set(lived.costs[arm]) == {shop.name for shop in shops}
        assert {len(weeks) for weeks in lived.costs[arm].values()} == {WEEKS}
        assert lived.curve(arm)[-1] == pytest.approx(lived.total(arm))


def test_files_of_a_week_hold_nothing_of_what_follows(shops: list[Shop], tmp_path: Path) -> None:
    (shop,) = world(1, 2, 4, 4, 4, 3, {LINE: 2})
    first, last = 4 * WEEK, 6 * WEEK
    changed = world(1, 2, 4, 4, 4, 3, {LINE: 2})[0]
    changed.demand[:, last:] = np.iinfo(np.int64).max
    changed.price[:, last:] = -1.0
    for one, name in ((shop, "as it is"), (changed, "changed")):
        one.write(tmp_path / name, 0, first)
        one.write(tmp_path / name / "week", first, last)
    for path in sorted((tmp_path / "as it is").rglob("*.csv")):
        assert path.read_bytes() == (tmp_path / "changed" / path.relative_to(tmp_path / "as it is")).read_bytes()
