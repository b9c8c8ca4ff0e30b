"""Windows: the same as slicing by hand, scaled by their own past, over many stores in one index."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.features import Recipe, featured
from invplat.data.panel import Panel
from invplat.data.transforms import Categories
from invplat.data.windows import windows
from tests.data.memory import day, memory_dataset, sales


def panels(seed: int, days: int = 30, **options: int) -> list[Panel]:
    draw = random.Random(seed)
    rows = []
    for store in ("s1", "s2", "s3"):
        for sku in ("a", "b", "c")[: draw.randrange(1, 4)]:
            first = draw.randrange(0, days // 2)
            quantities = [draw.choice([None, 0, 1, 3, 10]) for _ in range(days - first - 1)] + [1]
            marks = [draw.random() < 0.1 for _ in range(days)]
            rows += sales(
                sku,
                quantities,
                store=store,
                first=first,
                available=[draw.choice([1, 1, 0]) for _ in range(days)],
                outlier=marks,
            )
    dataset = memory_dataset({"sales": rows, "products": [{"sku": "a", "category": "x", "unit_cost": 2.0}]})
    stores = [build_panel(dataset, store, **options) for store in dataset.stores]  # type: ignore[arg-type]
    return [featured(panel, Recipe(windows=(3,), pattern=4), dataset) for panel in stores]


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    past=st.integers(1, 9),
    horizon=st.integers(1, 5),
    stride=st.integers(1, 4),
    least=st.integers(0, 4),
)
def test_windows_are_what_slicing_by_hand_gives(seed: int, past: int, horizon: int, stride: int, least: int) -> None:
    chosen = panels(seed)
    least = min(least, past - 1)
    cut = windows(chosen, past=past, horizon=horizon, stride=stride, least=least)
    batch = cut.batch(scaled=False)
    row = count = 0
    for panel in chosen:
        marks = list(range(panel.known - 1 - horizon, past - 2, -stride))[::-1]
        for series in range(len(panel.skus)):
            for mark in marks:
                view, told = slice(mark - past + 1, mark + 1), slice(mark + 1, mark + 1 + horizon)
                enough = panel.observed[series, view].sum() >= least and panel.launch[series] <= mark
                if not enough or not panel.observed[series, told].any():
                    continue
                assert cut.series[row] == count + series
                assert cut.cutoffs[row] == panel.dates[mark]
                assert np.array_equal(batch.past[row], panel.past.values[series, view])
                assert np.array_equal(
                    batch.ahead[row], panel.ahead.values[series, mark - past + 1 : mark + 1 + horizon]
                )
                assert np.array_equal(batch.future[row], panel.ahead.values[series, told])
                assert np.array_equal(batch.target[row], panel.demand[series, told])
                assert np.array_equal(batch.observed[row], panel.observed[series, told])
                assert np.array_equal(batch.censored[row], panel.censored[series, told])
                assert np.array_equal(batch.static[row], panel.statics.values[series])
                sure = panel.observed[series, view] & ~panel.censored[series, view]
                usable = sure if sure.any() else panel.observed[series, view]
                mean = panel.demand[series, view][usable].mean() if usable.any() else 0.0
                assert float(batch.level[row]) == pytest.approx(max(float(mean), 1 / past), rel=1e-6)
                row += 1
        count += len(panel.skus)
    assert row == len(cut)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_scaling_by_the_level_can_be_undone(seed: int) -> None:
    cut = windows(panels(seed), past=6, horizon=3)
    plain, scaled = cut.batch(scaled=False), cut.batch()
    assert torch.allclose(scaled.target * scaled.level[:, None], plain.target, rtol=1e-5)
    for place, name in enumerate(cut.past_names):
        factor = scaled.level[:, None] if name in ("demand", "mean_3", "std_3") else 1.0
        assert torch.allclose(scaled.past[:, :, place] * factor, plain.past[:, :, place], rtol=1e-5), name


def test_scaled_windows_do_not_know_the_size_of_a_business() -> None:
    small = sales("a", [1, 2, 3, 4, 5, 6, 7, 8])
    large = sales("a", [1000 * row["quantity"] for row in small])
    one, two = (
        windows(build_panel(memory_dataset({"sales": rows}), "s1"), past=4, horizon=2).batch()
        for rows in (small, large)
    )
    assert torch.allclose(one.past, two.past)
    assert torch.allclose(one.target, two.target)


def test_a_batch_of_indices_is_those_windows() -> None:
    cut = windows(panels(4), past=5, horizon=2)
    whole, some = cut.batch(), cut.batch([7, 0, 7])
    for name in ("past", "ahead", "target", "level", "series"):
        assert torch.equal(getattr(some, name), getattr(whole, name)[[7, 0, 7]])


def test_batches_do_not_write_into_the_panel() -> None:
    panel = panels(4)[0]
    before = panel.past.values.copy()
    windows(panel, past=5, horizon=2).batch().past.zero_()
    assert np.array_equal(panel.past.values, before)


def test_one_store_is_not_copied() -> None:
    panel = panels(4)[0]
    cut = windows(panel, past=5, horizon=2)
    for name, array in (("past", panel.past.values), ("ahead", panel.ahead.values), ("demand", panel.demand)):
        assert cut.views()[name].data_ptr() == array.ctypes.data
    assert torch.equal(cut.views()["past"][cut.starts], cut.batch(scaled=False).past)


def test_selecting_windows() -> None:
    cut = windows(panels(4), past=5, horizon=2)
    last = cut.cutoffs.max()
    final = cut.between(last, last)
    assert 0 < len(final) < len(cut)
    assert (final.cutoffs == last).all()
    where = np.flatnonzero(cut.cutoffs == last)
    assert torch.equal(final.batch().past, cut.batch(where).past)
    assert torch.equal(final.to("cpu").batch().static, cut.batch(where).static)


def test_names_become_ids_by_a_fitted_vocabulary() -> None:
    chosen = panels(4)
    vocabulary = Categories.fit(["a", "b"], cutoff=day(9))
    cut = windows(chosen, past=5, horizon=2, encoders={"sku": vocabulary})
    names = [name for panel in chosen for name in panel.skus]
    assert cut.batch().ids["sku"].tolist() == [{"a": 1, "b": 2}.get(names[series], 0) for series in cut.series]


def test_forecasting_from_the_last_day() -> None:
    panel = build_panel(memory_dataset({"sales": sales("a", [1] * 8)}), "s1", after=3)
    cut = windows(panel, past=4, horizon=3, cutoffs=[panel.last], targets=False)
    assert len(cut) == 1
    assert not cut.batch().observed.any()


def test_a_young_business_is_let_in_by_room_before() -> None:
    dataset = memory_dataset({"sales": sales("a", [2, 4])})
    panel = build_panel(dataset, "s1", before=28, after=7)
    cut = windows(panel, past=28, horizon=7, cutoffs=[panel.last], targets=False)
    assert cut.batch().level.tolist() == [3]


def test_sales_alone_are_enough() -> None:
    cut = windows(build_panel(memory_dataset({"sales": sales("a", [1] * 8)}), "s1"), past=3, horizon=2)
    assert cut.batch().ahead.shape == (len(cut), 5, 0)
    assert cut.batch().static.shape == (len(cut), 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"past": 9, "horizon": 4}, "history has 8 periods; past 9 and horizon 4 need 13"),
        ({"past": 0, "horizon": 4}, "past = 0"),
        ({"past": 2, "horizon": 2, "least": 5}, "no series"),
        ({"past": 2, "horizon": 2, "cutoffs": [day(700)]}, "at the given cutoffs"),
    ],
)
def test_what_can_not_be_cut_is_said(options: dict[str, object], said: str) -> None:
    panel = build_panel(memory_dataset({"sales": sales("a", [1] * 8)}), "s1")
    with pytest.raises(DatasetError, match=said):
        windows(panel, **options)  # type: ignore[arg-type]


def test_panels_of_different_features_do_not_mix() -> None:
    dataset = memory_dataset({"sales": sales("a", [1] * 8) + sales("a", [1] * 8, store="s2")})
    one, two = build_panel(dataset, "s1"), build_panel(dataset, "s2")
    with pytest.raises(DatasetError, match="mean_2"):
        windows([one, featured(two, Recipe(windows=(2,), pattern=0), dataset)], past=2, horizon=2)
