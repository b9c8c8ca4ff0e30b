"""The base model: its search space as first studied, tables as well as panels, and that it uses what it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from invplat.core.errors import SettingRefused
from invplat.data.design import Design, design
from invplat.data.features import Recipe, featured
from invplat.data.panel import Panel
from invplat.data.statics import Statics
from invplat.data.stretches import gathered
from invplat.data.transforms import Categories
from invplat.data.windows import windows
from invplat.testing.panels import Case, made_panel, made_windows
from invplat.train.loop import fit
from invplat.train.plan import Plan
from invplat.workload import Spec
from invplat_workloads.flat import FlatBatch, Shares
from invplat_workloads.mlp import WORKLOAD
from invplat_workloads.rows import Rows, rows_of
from invplat_workloads.weights import weights

CASE = Case(past=14, horizon=5)
YEARS = Recipe(windows=(7,), pattern=28, last_year=10)
SPEC = Spec(past=14, horizon=5, quantiles=(0.1, 0.5, 0.9))


def test_the_grid_is_the_study_s_and_is_counted_without_being_made() -> None:
    assert WORKLOAD.space.grid_size() == 12 * 13 * 6 * 6
    first = next(WORKLOAD.space.grid())
    assert WORKLOAD.space.check(first) == first


def test_a_param_outside_says_its_range() -> None:
    with pytest.raises(SettingRefused, match=r"hidden_one = 33 is outside") as refused:
        WORKLOAD.space.check({"hidden_one": 33})
    assert "one of 32, 64, 128, 256, 512" in str(refused.value.hint)


def design_of(rows: int = 400, seed: int = 0) -> Design:
    """A table whose quantity hangs on the name, the month and a number that is sometimes unknown."""
    random = np.random.default_rng(seed)
    sku, month = random.integers(1, 5, rows), random.integers(1, 13, rows)
    size = np.where(random.random(rows) < 0.2, np.nan, random.choice([375.0, 750.0, 1750.0], rows))
    target = sku * 3.0 + np.where(month == 12, 8, 0) + random.normal(0, 0.3, rows)
    return Design(
        names=("month", "size", "sku"),
        values=np.stack([month, size, sku], axis=1).astype(np.float32),
        categorical=("sku",),
        target=target.astype(np.float32),
        observed=np.ones(rows, np.bool_),
        censored=np.zeros(rows, np.bool_),
        series=sku,
        cutoffs=np.zeros(rows, "datetime64[D]"),
        steps=np.ones(rows, np.int64),
        dates=np.zeros(rows, "datetime64[D]"),
    )


def test_tables_are_learnt_by_the_same_net() -> None:
    train = rows_of(design_of(), {"sku": 5})
    test = rows_of(design_of(seed=1), {"sku": 5}, like=train)
    layout = WORKLOAD.layout(train, SPEC)
    params = {"hidden_one": 64, "hidden_two": 64, "dropout_one": 0.0, "dropout_two": 0.0, "batch_size": 32}
    learn, judge = (WORKLOAD.examples(rows, layout) for rows in (train, test))
    fitted = fit(
        WORKLOAD, params, layout, learn, judge, plan=Plan.of(params, epochs=80, patience=0, learning_rate=5e-3)
    )
    batch = judge.batch(torch.arange(len(test)))
    said = WORKLOAD.predict(fitted.module(**WORKLOAD.inputs(fitted.module, batch)), batch, layout)
    actual, found = test.target, said.mean[:, 0].detach()
    explained = 1 - (actual - found).square().mean() / actual.var()
    assert explained > 0.85, f"R² {explained:.3f}"  # 0.88 to 0.97 with the seed
    assert said.quantiles.shape == (len(test), 1, 3)


def test_an_unknown_number_is_marked_as_in_training() -> None:
    train = rows_of(design_of(), {"sku": 5})
    assert train.names == ("month", "size", "size_known", "standing", "effect_sku", "rows_sku")
    whole = design_of()
    whole.values[:, 1] = 750.0
    assert rows_of(whole, {"sku": 5}, like=train).names == train.names
    assert rows_of(whole, {"sku": 5}, like=train).usual == train.usual


def test_a_table_of_a_panel_goes_in() -> None:
    panel = made_panel(Case(bare=True))
    vocabulary = Categories.fit(panel.skus, cutoff=panel.last)
    table = design(panel, Recipe(), horizon=3, cutoffs=panel.dates[60:100:7].tolist(), encoders={"sku": vocabulary})
    rows = rows_of(table, {"sku": vocabulary.size})
    layout = WORKLOAD.layout(rows, SPEC)
    module = WORKLOAD.build({}, layout)
    batch = WORKLOAD.examples(rows, layout).batch(torch.arange(4))
    assert WORKLOAD.loss(module(**WORKLOAD.inputs(module, batch)), batch, layout).isfinite().all()


@pytest.mark.parametrize("name", ["past", "now", "ahead", "static", "ids", "phases"])
def test_every_input_has_a_say(name: str) -> None:
    cut = made_windows(CASE)
    layout = WORKLOAD.layout(cut, SPEC)
    torch.manual_seed(0)
    module = WORKLOAD.build({}, layout)
    inputs = WORKLOAD.inputs(module, WORKLOAD.examples(cut, layout).batch(torch.arange(6)))
    changed: dict[str, Any] = {**inputs, name: (inputs[name] + 1) % 3}
    assert not torch.allclose(module(**inputs)["mean"], module(**changed)["mean"])


def test_a_plan_of_one_day_moves_that_day_most() -> None:
    cut = made_windows(CASE)
    layout = WORKLOAD.layout(cut, SPEC)
    source = WORKLOAD.examples(cut, layout)
    params = WORKLOAD.space.check({"hidden_one": 64, "hidden_two": 64, "batch_size": 64})
    module = fit(WORKLOAD, params, layout, source, plan=Plan.of(params, epochs=25, patience=0)).module
    inputs = WORKLOAD.inputs(module, source.batch(torch.arange(200)))
    place = layout.ahead.names.index("promotion")
    plain, promoted = inputs["ahead"].clone(), inputs["ahead"].clone()
    quiet, running = layout.ahead.part(place, place + 1).centred(torch.tensor([[0.0], [1.0]])).flatten().tolist()
    plain[:, 14:, place] = quiet
    promoted[:, 14:, place] = quiet
    promoted[:, 14 + 2, place] = running
    lift = (module(**inputs | {"ahead": promoted})["mean"] / module(**inputs | {"ahead": plain})["mean"]).mean(dim=0)
    assert lift[2] > 1.4, lift  # the made-up world doubles demand
    assert int(lift.argmax()) == 2


def test_phases_are_what_a_loop_gives() -> None:
    """A horizon longer than a week; days that nobody saw or whose shelf was empty count for nothing."""
    panel = featured(made_panel(Case(periods=430, bare=True)), YEARS)
    cut = made_windows(Case(past=30, horizon=10, cutoffs=3), panel)
    layout = WORKLOAD.layout(cut, replace(SPEC, past=30, horizon=10))
    found = WORKLOAD.examples(cut, layout).batch(torch.arange(len(cut)))
    assert isinstance(found, FlatBatch)
    sure = panel.observed & ~panel.censored
    years = panel.column("last_year")
    for window, (series, cutoff) in enumerate(zip(cut.series.tolist(), cut.cutoffs.tolist(), strict=True)):
        now, level = panel.period(cutoff), float(cut.levels[window])
        for step in range(10):
            back = [now - 6 + step % 7 - 7 * turn for turn in range(4)]
            usual = []
            for number, prior in ((4, 1.0), (2, 0.5), (1, 0.1)):
                known = [panel.demand[series, day] / level for day in back[:number] if sure[series, day]]
                usual.append((sum(known) + prior) / (len(known) + prior))
            said = found.phases[window, step]
            assert said[:3].tolist() == pytest.approx(usual, rel=1e-4)
            assert float(said[3]) == pytest.approx(usual[0] * years[series, now + 1 + step], rel=1e-4)
            assert float(said[-1]) == pytest.approx(sum(bool(sure[series, day]) for day in back) / 4)


def test_windows_matter_by_their_level_within_their_store() -> None:
    one, other = (made_panel(Case(times=times)) for times in (1.0, 1000.0))
    cut = made_windows(CASE)
    pooled = windows([one, replace(other, store="other", statics=_of("other", other))], past=14, horizon=5)
    found = weights(pooled)
    first = torch.from_numpy(pooled.series) < len(one.skus)
    assert float(found[first].mean()) == pytest.approx(1, rel=1e-5)
    assert torch.allclose(found[first], found[~first], rtol=1e-4), "a store's units are its own"
    ratio = found[first] / pooled.levels[first]
    assert torch.allclose(ratio, ratio[0].expand_as(ratio), rtol=1e-4)
    assert len(weights(cut)) == len(cut)


def _of(store: str, panel: Panel) -> Statics:
    return replace(panel.statics, texts={**panel.statics.texts, "store": (store,) * len(panel.skus)})


def test_rows_move_between_devices_whole() -> None:
    rows = rows_of(design_of(20), {"sku": 5})
    moved = rows.to("cpu")
    assert isinstance(moved, Rows)
    assert torch.equal(moved.batch(torch.arange(5)).static, rows.batch(torch.arange(5)).static)


def test_batches_are_the_windows_of_the_layout_centred() -> None:
    """Also where a name stands in the past of one business and is planned by another."""
    cut = made_windows(CASE)
    twice = replace(
        cut,
        past_names=("promotion", "price_ratio", *cut.past_names[2:-2], "demand", "mean_7"),
        ahead_names=("price_ratio", *cut.ahead_names[1:]),
        columns=replace(cut.columns, quantities=torch.tensor([len(cut.past_names) - 2, len(cut.past_names) - 1])),
    )
    for each in (cut, twice):
        layout = WORKLOAD.layout(each, SPEC)
        which = torch.arange(0, len(each), 7)
        found, whole = WORKLOAD.examples(each, layout).batch(which), layout.align(each).batch(which)
        count = Shares.of(layout).by_period
        there = gathered(each.columns.observed, each.starts[which], 14).squeeze(-1)
        whole.past[..., 0] = torch.where(there, whole.past[..., 0], 1.0)  # a day that nobody saw was a usual one
        seen = layout.sees.centred(whole.past)
        assert isinstance(found, FlatBatch)
        assert torch.allclose(found.past, seen[:, :, :count], atol=1e-5)
        assert torch.allclose(found.now, seen[:, -1, count:], atol=1e-5)
        assert torch.allclose(found.ahead, layout.ahead.centred(whole.ahead), atol=1e-5)
        for name in ("target", "observed", "censored", "level"):
            assert torch.equal(getattr(found, name), getattr(whole, name)), name
