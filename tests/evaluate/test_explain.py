"""Explanations: they add up, they name the right inputs, and a net that is a straight line is explained exactly."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from invplat.core.errors import DatasetError, MissingExtra, SettingRefused
from invplat.data.features import Recipe
from invplat.data.layout import Layout
from invplat.data.panel import Panel
from invplat.data.split import rolling_origins
from invplat.data.transforms import Categories
from invplat.data.windows import Batch, Windows
from invplat.evaluate.explain import Setting, explain, importance
from invplat.evaluate.known import as_known
from invplat.evaluate.learned import Learned
from invplat.evaluate.reasons import terminal
from invplat.evaluate.reasons.drivers import driver, span
from invplat.evaluate.reasons.explanation import Explanation
from invplat.evaluate.reasons.gradients import WITHIN
from invplat.evaluate.reasons.origins import AHEAD, ID, OTHER, PAST, STATIC, Origin
from invplat.evaluate.reasons.told import EMBEDDED
from invplat.evaluate.reasons.trees import explain_trees, tree_importance
from invplat.model import Model, Preparation
from invplat.model.specimen import specimen_lead_times
from invplat.testing.panels import Case, made_panel
from invplat.workload import Prediction, Source, Spec, find, installed
from tests.model.made import EVERY, SMALL, install_example

CASE = Case(past=14, horizon=4, series=4, periods=120)
SPEC = Spec(past=14, horizon=4, quantiles=(0.1, 0.5, 0.9))


class Weighted(nn.Module):
    """The mean is a fixed sum of past demand, of planned promotion, and of what an embedding says."""

    def __init__(self, sizes: dict[str, int]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.names = nn.Embedding(sizes["sku"], 3)

    def forward(self, seen: Tensor, plans: Tensor, sku: Tensor) -> dict[str, Tensor]:
        last_week, before = seen[:, -7:].sum(1), seen[:, :-7].sum(1)
        said = self.names(sku).sum(-1) + self.names(sku)[:, 0]
        base = 20 + 0.5 * last_week - 0.25 * before + said
        return {"mean": base[:, None] + 3 * plans}


@dataclass(frozen=True)
class Known:
    """A workload whose every driver is known: half of last week's demand, less a quarter of the rest, thrice a
    promotion."""

    name: str = "known"
    predicts: frozenset[str] = frozenset({"quantiles", "mean", "order"})

    def layout(self, windows: Windows, spec: Spec) -> Layout:
        return Layout.of(windows, spec.quantiles, first=("demand",))

    def examples(self, windows: Windows, layout: Layout, **beside: Any) -> Source:
        return layout.align(windows)

    def inputs(self, module: nn.Module, batch: Batch, chance: Any = None) -> dict[str, Tensor]:
        return {"seen": batch.past[:, :, 0], "plans": batch.future[:, :, 0], "sku": batch.ids["sku"]}

    def predict(self, outputs: Any, batch: Batch, layout: Layout) -> Prediction:
        mean = outputs["mean"] * batch.level[:, None]
        return Prediction(mean.unsqueeze(-1), (0.5,), mean, order=2 * mean.sum(1))


def setting_of(workload: Any, module: Callable[[Layout], nn.Module] | None = None, **params: Any) -> Setting:
    panel = made_panel(CASE)
    encoders = {name: Categories.fit(panel.statics.texts[name], cutoff=panel.last) for name in ("sku", "category")}
    preparation = Preparation(Recipe(windows=(7,), pattern=28), "daily", encoders)
    cut = preparation.cut([panel], SPEC)
    layout = workload.layout(cut, SPEC)
    torch.manual_seed(1)
    net = workload.build(workload.space.check(params), layout) if module is None else module(layout)
    return Setting(Model(workload, params, SPEC, layout, preparation, net), [panel], [specimen_lead_times(panel)])


@pytest.fixture(scope="module", autouse=True)
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        install_example(patch, tmp_path_factory.mktemp("installed"))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def known() -> Setting:
    return setting_of(Known(), lambda layout: Weighted(dict(layout.ids)))


def last_cutoff(setting: Setting) -> Any:
    return setting.panels[0].last - timedelta(days=SPEC.horizon)


@pytest.mark.parametrize("name", EVERY)
def test_drivers_add_up_to_the_forecast_of_any_workload(name: str) -> None:
    setting = setting_of(find(name), **SMALL.get(name, {}))
    cutoff = last_cutoff(setting)
    found = explain(setting, "store", "sku-1", cutoff)
    decides = "order" in setting.model.workload.predicts
    assert [each.about for each in found] == [
        "demand, total of 4 days",
        *(["order, with the stock that there is"] if decides else []),
    ]
    windows = setting.model.preparation.cut(setting.panels, SPEC, [cutoff])
    said = setting.model.predict(windows, panels=setting.panels, lead_times=setting.lead_times)
    assert found[0].forecast == pytest.approx(float(said.mean[1].sum()), rel=1e-4)
    for each in found:
        difference = each.forecast - each.baseline
        assert each.additive
        assert sum(units for _, units in each.drivers) == pytest.approx(
            difference, abs=WITHIN * max(abs(difference), 0.01 * abs(each.forecast)) + 1e-6
        )
        assert sum(units for _, units in each.details) == pytest.approx(sum(units for _, units in each.drivers))
    if decides:
        assert said.order is not None
        assert found[1].forecast == pytest.approx(float(said.order[1]), rel=1e-4, abs=1e-4)


def test_installed_workloads_are_all_explained() -> None:
    assert set(installed()) <= set(EVERY)


def test_a_straight_line_is_explained_exactly(known: Setting) -> None:
    cutoff = last_cutoff(known)
    (found, order) = explain(known, "store", "sku-2", cutoff, step=2)
    cut = known.model.preparation.cut(known.panels, SPEC, [cutoff])
    batch = cut.batch([2])
    reference = known.sample(256, cutoff, targets=False, seed=0).batch()
    level = float(batch.level)

    def beyond(values: Callable[[Batch], Tensor]) -> float:
        return level * float(values(batch).mean(0) - values(reference).mean(0))

    module = known.model.module
    assert isinstance(module, Weighted)
    drivers = dict(found.drivers)
    assert drivers["demand 1–7 days ago"] == pytest.approx(beyond(lambda b: 0.5 * b.past[:, -7:, 0].sum(1)), rel=1e-3)
    earlier = beyond(lambda b: -0.25 * b.past[:, :-7, 0].sum(1))
    assert drivers["demand 8–28 days ago"] == pytest.approx(earlier, rel=1e-3)
    assert drivers["promotion"] == pytest.approx(beyond(lambda b: 3 * b.future[:, 1, 0]), rel=1e-3)
    with torch.no_grad():
        said = beyond(lambda b: module.names(b.ids["sku"]).sum(-1) + module.names(b.ids["sku"])[:, 0])
    assert drivers["which sku it is"] == pytest.approx(said, rel=1e-3)
    assert set(drivers) == {"demand 1–7 days ago", "demand 8–28 days ago", "promotion", "which sku it is"}
    assert order.forecast == pytest.approx(2 * explain(known, "store", "sku-2", cutoff)[0].forecast, rel=1e-4)


def test_the_step_asked_for_is_the_one_explained(known: Setting) -> None:
    cutoff = last_cutoff(known)
    steps = [explain(known, "store", "sku-0", cutoff, step=step)[0] for step in (1, 2, 3, 4)]
    whole = explain(known, "store", "sku-0", cutoff)[0]
    assert sum(each.forecast for each in steps) == pytest.approx(whole.forecast, rel=1e-4)
    assert steps[2].about == "demand, day 3 of 4"


def test_what_a_series_always_is_drives_nothing_beside_itself(known: Setting) -> None:
    cutoff = last_cutoff(known)
    among, alone = (explain(known, "store", "sku-2", cutoff, itself=itself)[0] for itself in (False, True))
    assert "which sku it is" in dict(among.drivers)
    assert "which sku it is" not in dict(alone.drivers)
    assert alone.additive
    assert alone.forecast == among.forecast


def test_nothing_after_the_cutoff_changes_an_explanation(known: Setting) -> None:
    cutoff = known.panels[0].last - timedelta(days=30)
    panel = known.panels[0]
    now = panel.period(cutoff)
    demand, past = panel.demand.copy(), panel.past.values.copy()
    demand[:, now + 1 :] = 1e6
    past[:, now + 1 :] = 1e6
    spoilt = replace(panel, demand=demand, past=replace(panel.past, values=past))
    one = explain(known, "store", "sku-0", cutoff)
    other = explain(Setting(known.model, [spoilt], known.lead_times), "store", "sku-0", cutoff)
    assert one == other


def test_every_number_of_a_recurrent_net_is_traced_to_its_column_and_day() -> None:
    setting = setting_of(find("lstm"), **SMALL["lstm"])
    panel = setting.panels[0]
    found = setting.origins(panel, 1, last_cutoff(setting))
    layout = setting.model.layout
    wanted = [Origin(PAST, name, day - 13) for day in range(14) for name in layout.sees.names]
    assert found["past"] == wanted
    assert found["ahead"] == [Origin(AHEAD, name, day - 13) for day in range(18) for name in layout.ahead.names]
    assert found["static"] == [Origin(STATIC, name) for name in layout.static.names]
    assert {each for name, each in found.items() if name.startswith(EMBEDDED) for each in each} == {
        Origin(ID, name) for name in layout.ids
    }


def test_every_number_of_the_base_model_is_traced_whatever_its_order() -> None:
    setting = setting_of(find("mlp"), **SMALL["mlp"])
    found = setting.origins(setting.panels[0], 1, last_cutoff(setting))
    for name, places in found.items():
        mixed = {origin.column for origin in places if origin.kind == OTHER}
        assert name not in ("past", "now", "ahead", "static", "ids") or not mixed
        assert mixed <= {name}, "what several columns make together has its tensor's name"
    columns = {origin.column for places in found.values() for origin in places if origin.kind == PAST}
    assert columns == set(setting.model.layout.sees.names)


def test_a_whole_model_is_weighed_two_ways(known: Setting) -> None:
    found = importance(known, windows=40)
    weights = {weight.driver: weight for weight in found.weights}
    assert found.additive
    assert sum(weight.share for weight in found.weights) == pytest.approx(1)
    assert [weight.attribution for weight in found.weights] == sorted(
        (weight.attribution for weight in found.weights), reverse=True
    )
    batch = known.sample(40, known.panels[0].last, targets=True, seed=0).batch()
    plans = batch.future[:, :, 0]
    moved = 3 * (plans - plans.mean(0)).sum(1) * batch.level
    assert weights["promotion"].attribution == pytest.approx(float(moved.abs().mean()), rel=1e-3)
    said = (known.model.predict(known.sample(40, known.panels[0].last, targets=True, seed=0))).mean
    judged = (batch.observed > 0) & ~(batch.censored > 0)
    missed = (said - batch.target * batch.level[:, None]).abs()[judged]
    assert found.error == pytest.approx(float(missed.mean()), rel=1e-4)
    assert weights["which sku it is"].permutation is not None
    assert weights["which sku it is"].permutation != 0


def test_what_a_net_never_looks_at_weighs_nothing(known: Setting) -> None:
    assert {weight.driver for weight in importance(known, windows=20).weights} == {
        "demand 1–7 days ago",
        "demand 8–28 days ago",
        "promotion",
        "which sku it is",
    }


def test_an_embedding_that_is_asked_twice_has_two_names(known: Setting) -> None:
    cut = known.model.preparation.cut(known.panels, SPEC, [last_cutoff(known)])
    asked = known.asked(cut, lambda said: said.mean.sum(1))
    which = torch.arange(len(cut))
    told = asked.told(which)
    assert {name for name in told if name.startswith(EMBEDDED)} == {"embedding names", "embedding names #2"}
    plain = asked.says(which, told)
    assert torch.allclose(plain, asked.says(which, {}))
    assert not torch.allclose(plain, asked.says(which, {**told, "embedding names #2": told["embedding names #2"] + 1}))
    assert not any(layer._forward_hooks for layer in asked.module.modules()), "a hook was left behind"


def test_series_and_steps_that_are_not_there_are_told(known: Setting) -> None:
    cases: Sequence[tuple[type[Exception], str, tuple[Any, ...], dict[str, Any]]] = (
        (DatasetError, "no store 'shop'", ("shop", "sku-1"), {}),
        (DatasetError, "no SKU 'sku-9'", ("store", "sku-9"), {}),
        (SettingRefused, "step 5 of a horizon of 4", ("store", "sku-1"), {"step": 5}),
        (DatasetError, "not known on 2020-01-01", ("store", "sku-1"), {"cutoff": "2020-01-01"}),
    )
    for kind, text, names, options in cases:
        with pytest.raises(kind, match=text):
            explain(known, *names, **options)


def test_without_captum_the_extra_is_named(known: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(MissingExtra, match="captum") as refused:
        explain(known, "store", "sku-1", last_cutoff(known))
    assert refused.value.hint == "pip install 'invplat[explain]'"


@pytest.mark.parametrize(
    ("offset", "frequency", "told"),
    [
        (0, "daily", "1–7 days ago"),
        (-6, "daily", "1–7 days ago"),
        (-7, "daily", "8–28 days ago"),
        (-28, "daily", "more than 28 days ago"),
        (2, "weekly", "in the horizon"),
        (None, "monthly", "of the past"),
    ],
)
def test_periods_have_names(offset: int | None, frequency: str, told: str) -> None:
    assert span(offset, frequency) == told


def test_columns_are_grouped_as_people_think() -> None:
    told = {
        "day_of_week_sin": "calendar",
        "holiday_until": "holidays and events",
        "price_cut": "price",
        "promotion_since": "promotion",
        "stock_known": "empty shelves and gaps",
        "last_year_smooth": "the same days of past seasons",
        "mean_28": "how it usually sells",
        "signal_oil_price": "oil price",
        "weather": "weather",
    }
    assert {column: driver(Origin(AHEAD, column, 1), "daily") for column in told} == told
    assert driver(Origin(STATIC, "shelf_life_known"), "daily") == "attribute shelf life"


@pytest.fixture(scope="module")
def trees() -> tuple[Learned, Panel, Any]:
    panel = made_panel(Case(series=6, periods=200, past=28, horizon=4))
    origin = rolling_origins(panel, horizon=4, count=1, past=60)[0]
    learned = Learned("lightgbm", rows=4000, grid={}, threads=1)
    learned.fit([as_known(panel, origin.cutoff, 4)], origin)
    return learned, panel, origin


def test_trees_are_explained_exactly(trees: tuple[Learned, Panel, Any]) -> None:
    learned, panel, origin = trees
    seen = as_known(panel, origin.cutoff, 4)
    said = learned.predict([seen], origin, 4)[0].mean
    for row, sku in enumerate(seen.skus):
        found = explain_trees(learned, seen, sku, origin, 4)
        assert found.forecast == pytest.approx(said[row].sum())
        assert sum(units for _, units in found.drivers) == pytest.approx(found.forecast - found.baseline, rel=1e-4)
        one = explain_trees(learned, seen, sku, origin, 4, step=3)
        assert one.forecast == pytest.approx(said[row, 2])


def test_whole_trees_are_weighed_too(trees: tuple[Learned, Panel, Any]) -> None:
    learned, panel, origin = trees
    found = tree_importance(learned, [panel], origin, 4)
    assert found.additive
    assert found.windows == int((panel.observed & ~panel.censored)[:, panel.period(origin.cutoff) + 1 :][:, :4].sum())
    assert max(weight.permutation or 0 for weight in found.weights) > 0.02


def test_a_model_without_trees_is_refused() -> None:
    panel = made_panel(Case(series=3, periods=120))
    origin = rolling_origins(panel, horizon=4, count=1, past=60)[0]
    ridge = Learned("ridge", rows=500, grid={"alpha": (1.0,)})
    seen = as_known(panel, origin.cutoff, 4)
    ridge.fit([seen], origin)
    with pytest.raises(DatasetError, match="ridge has no trees"):
        explain_trees(ridge, seen, "sku-0", origin, 4)


def made_up(**changes: Any) -> Explanation:
    plain: dict[str, Any] = {"about": "order", "store": "S", "sku": "\x1b[31m", "cutoff": "2025-01-31", "level": 2.0}
    plain |= {"forecast": 9.0, "baseline": 10.0, "drivers": (("price", -3.0), ("calendar", 2.0)), "details": ()}
    return Explanation(**{**plain, "steps": 32, "gap": 0.002, **changes})


def test_a_terminal_shows_the_sum_and_how_exact_it_is() -> None:
    found = made_up()
    rows = terminal.shares(found)
    assert [row[:2] for row in rows] == [("price", "-3"), ("calendar", "+2")]
    assert rows[0][2].startswith("▒")
    assert rows[1][2].startswith("█")
    assert terminal.summed(found).splitlines() == [
        "usual 10 - 1 by its drivers = 9, at a level of 2 a period",
        "the drivers add up: off by 0.20 % of the difference (32 steps)",
    ]
    assert "do not quite add up" in terminal.summed(made_up(gap=0.05))
    assert "\x1b" not in terminal.about(found)
    assert np.isclose(made_up().to_dict()["drivers"][0]["units"], -3.0)


def test_asking_changes_nothing_in_the_net(known: Setting) -> None:
    before = {name: value.clone() for name, value in known.model.module.state_dict().items()}
    explain(known, "store", "sku-1", last_cutoff(known))
    assert all(torch.equal(value, before[name]) for name, value in known.model.module.state_dict().items())
    assert all(parameter.grad is None for parameter in known.model.module.parameters())
