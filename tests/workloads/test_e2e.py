"""The end-to-end workload: it looks at nothing to come, orders more where lacking is dearer, and learns from costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from invplat.core.errors import DatasetError, SettingRefused
from invplat.data.layout import Layout
from invplat.data.lead_times import LeadTimes
from invplat.data.panel import Panel
from invplat.data.windows import Windows
from invplat.inventory.labels import hindsight
from invplat.inventory.policy import LevelsByPeriod
from invplat.inventory.simulate import World, simulate
from invplat.testing.panels import Case, made_panel, made_windows
from invplat.train.loop import Ended, Fitted, fit
from invplat.train.plan import Plan
from invplat.workload import Prediction, Spec, find
from invplat_workloads.e2e.examples import DecisionBatch, Terms, asked
from invplat_workloads.e2e.net import RATIOS, Convolutions, Net, demand_by
from invplat_workloads.e2e.regret import cost, hindsight_level, regret
from invplat_workloads.e2e.waits import POINTS, Waits, spread
from invplat_workloads.e2e.workload import E2E, WORKLOAD

SPEC = Spec(past=14, horizon=14, quantiles=(0.1, 0.5, 0.9))
CASE = Case(past=14, horizon=14, series=4, periods=80)
SMALL = {"hidden": 32, "channels": 8}
HEADROOM = 25.0  # units a new order is short of in `stocked`


def receipts(panel: Panel, waits: tuple[int, ...] = (1, 2, 3, 2), every: int = 6) -> LeadTimes:
    """Each series orders every few days."""
    days = np.tile(np.arange(0, panel.known, every), len(panel.skus)) + panel.timeline.origin
    owner = np.repeat(np.array([f"{panel.store}\x1f{sku}" for sku in panel.skus], object), len(days) // len(panel.skus))
    nobody = np.full(len(days), None, object)
    names = {"sku": owner, "supplier": nobody, "store": np.full(len(days), panel.store, object), "all": nobody}
    return LeadTimes(days, days + np.resize(np.array(waits), len(days)), names)


def stocked(panel: Panel, on_hand: float = HEADROOM, on_order: float = 0.0) -> Panel:
    same = np.ones(panel.shape, np.float32)
    return panel.with_past({"on_hand": same * on_hand, "on_order": same * on_order}, ("on_hand", "on_order"))


def ready(panel: Panel, times: LeadTimes | None = None, workload: E2E = WORKLOAD) -> tuple[Windows, Layout, Any]:
    cut = made_windows(CASE, panel)
    layout = workload.layout(cut, SPEC)
    given = {} if times is None else {"panels": [panel], "lead_times": [times]}
    return cut, layout, workload.examples(cut, layout, **given)


def net(layout: Layout, seed: int = 0) -> Net:
    torch.manual_seed(seed)
    found = WORKLOAD.build(SMALL, layout)
    assert isinstance(found, Net)
    return found


@torch.no_grad()
def says(module: Net, batch: Any, layout: Layout) -> Prediction:
    return WORKLOAD.predict(module(**WORKLOAD.inputs(module, batch)), batch, layout)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small nets: a second thread mostly waits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def learnt() -> tuple[Layout, Any, Fitted]:
    panel = stocked(made_panel(CASE), on_hand=0.0)
    _, layout, source = ready(panel, receipts(panel))
    plan = Plan(epochs=12, batch_size=32, learning_rate=5e-3, patience=0)
    fitted = fit(WORKLOAD, WORKLOAD.space.check(SMALL), layout, source, source, plan=plan)
    return layout, source, fitted


def test_it_is_installed() -> None:
    assert find("e2e") is WORKLOAD


def test_a_garbled_future_changes_nothing_that_is_said() -> None:
    """Demand, stock and receipts after the cutoff, all of them."""
    panel = stocked(made_panel(CASE))
    times = receipts(panel)
    cutoff = 40
    late = times.received > panel.timeline.origin + cutoff
    moved = replace(times, received=np.where(late, times.received + 50, times.received))
    random = np.random.default_rng(0)

    def garbled(values: Any) -> Any:
        noise = random.uniform(0, 99, values.shape).astype(values.dtype)
        after = (np.arange(values.shape[1]) > cutoff).reshape(1, -1, *(1,) * (values.ndim - 2))
        return np.where(after, noise, values)

    other = replace(panel, demand=garbled(panel.demand), past=replace(panel.past, values=garbled(panel.past.values)))
    _, layout, _ = ready(panel, times)
    module = net(layout)
    said = []
    for each, known in ((panel, times), (other, moved)):
        only = made_windows(CASE, each)
        only = only.between(panel.dates[cutoff], panel.dates[cutoff])
        source = WORKLOAD.examples(only, layout, panels=[each], lead_times=[known])
        said.append(says(module, source.batch(torch.arange(len(source))), layout))
    assert len(said[0].mean) == CASE.series
    for name in ("quantiles", "mean", "vlt", "order"):
        assert torch.equal(getattr(said[0], name), getattr(said[1], name)), name


def test_convolutions_see_no_later_period() -> None:
    torch.manual_seed(0)
    layers = Convolutions(3, 8, 14)
    values = torch.randn(2, 14, 3)
    changed = values.clone()
    changed[:, 9:] += 1
    one, two = layers(values), layers(changed)
    assert torch.equal(one[:, :9], two[:, :9])
    assert not torch.equal(one[:, 9], two[:, 9])
    early = values.clone()
    early[:, 0] += 1
    assert not torch.equal(layers(early)[:, -1], one[:, -1])  # the first period reaches the last


def test_one_net_orders_more_where_lacking_is_dearer_and_reviews_are_rarer(learnt: tuple[Layout, Any, Fitted]) -> None:
    layout, source, fitted = learnt
    assert isinstance(fitted.module, Net)
    batch = source.batch(torch.arange(len(source)))

    def orders(**terms: Any) -> torch.Tensor:
        found = says(fitted.module, asked(batch, Terms(**terms)), layout).order  # type: ignore[arg-type]
        assert found is not None
        return found

    by_cost = torch.stack([orders(review=5, shortage=b) for b in (0.2, 1.0, 4.0, 9.0, 30.0)])
    assert bool((by_cost.diff(dim=0) >= 0).all())
    assert bool((by_cost.mean(dim=1).diff() > 0).all())
    by_review = torch.stack([orders(review=review, shortage=9.0) for review in (1, 4, 8)]).mean(dim=1)
    assert bool((by_review.diff() > 0).all())
    assert torch.allclose(orders(review=5, holding=2.0, shortage=18.0), orders(review=5, shortage=9.0))


def test_learning_brings_costs_down(learnt: tuple[Layout, Any, Fitted]) -> None:
    layout, source, fitted = learnt
    assert fitted.ended is Ended.EPOCHS
    batch = source.batch(torch.arange(len(source)))
    spent = []
    for module in (net(layout), fitted.module):
        with torch.no_grad():
            outputs = module(**WORKLOAD.inputs(module, batch))
        spent.append(
            float(regret(outputs["level"], batch.target, *(outputs[n] for n in ("arrives", "until", "ratio"))).mean())
        )
    assert spent[1] < 0.9 * spent[0]


def test_the_order_fills_what_stock_lacks() -> None:
    said = []
    for on_hand, on_order in ((0.0, 0.0), (HEADROOM, 0.0), (HEADROOM - 5, 5.0), (1e6, 0.0)):
        panel = stocked(made_panel(CASE), on_hand, on_order)
        cut = made_windows(CASE, panel)
        layout = WORKLOAD.layout(cut, SPEC)
        source = WORKLOAD.examples(cut, layout)
        batch = source.batch(torch.arange(4))
        assert isinstance(batch, DecisionBatch)
        blind = replace(batch, now=torch.zeros_like(batch.now))  # the same level whatever the stock
        said.append(says(net(layout), blind, layout).order)
    nothing, some, split, plenty = said
    assert torch.allclose((nothing - HEADROOM).clamp(min=0), some, atol=1e-3)
    assert torch.equal(some, split)
    assert torch.equal(plenty, torch.zeros_like(plenty))


def test_lead_times_are_said_in_days_as_they_were_seen() -> None:
    panel = stocked(made_panel(CASE))
    _, layout, source = ready(panel, receipts(panel, waits=(3,)))
    vlt = says(net(layout), source.batch(torch.arange(len(source))[-4:]), layout).vlt
    assert vlt is not None
    assert vlt.shape == (4, 3)
    assert torch.allclose(vlt, torch.full_like(vlt, 3.0), atol=1.0)
    assert bool((vlt.diff(dim=-1) >= 0).all())


def test_waits_are_of_the_series_pool_and_next_order() -> None:
    panel = made_panel(CASE)
    times = receipts(panel, waits=(1, 2, 3, 4))
    cut = made_windows(CASE, panel).between(panel.dates[20], panel.dates[20])
    found = Waits.of(cut, [panel], [times])
    assert found.points.shape == (CASE.series, POINTS)
    assert set(found.points.unique().tolist()) <= {1.0, 2.0, 3.0, 4.0}
    assert torch.equal(found.own[:, 1] > 0, torch.ones(CASE.series, dtype=torch.bool))
    placed = 24  # the first order after day 20 is the fifth: its lead time is the first of the cycle, shifted by series
    number = placed // 6 + np.arange(CASE.series) * len(range(0, panel.known, 6))
    assert found.came.tolist() == [float((1, 2, 3, 4)[n % 4]) for n in number]
    assert bool(found.told.all())
    assert Waits.of(cut, [], []).told.sum() == 0


def test_spread_keeps_what_there_was() -> None:
    seen = np.array([[np.nan, 5.0, 1.0], [np.nan] * 3])
    found = spread(seen, np.full((2, POINTS), 7.0, np.float32))
    assert found[0].tolist() == [1.0] * (POINTS // 2) + [5.0] * (POINTS // 2)
    assert set(found[1].tolist()) == {7.0}


def test_regret_is_the_simulators_cost_and_least_for_hindsight() -> None:
    random = np.random.default_rng(0)
    demand = torch.from_numpy(random.uniform(0, 9, (6, 14)))
    arrives, until = (
        torch.tensor(days, dtype=torch.float64).unsqueeze(-1) for days in ([0, 1, 2, 3, 1, 2], [7, 9, 9, 14, 8, 5])
    )
    ratio = torch.full((6,), 0.9, dtype=torch.float64)
    level = torch.from_numpy(random.uniform(10, 60, 6))
    reviews = torch.zeros(14, dtype=torch.bool)
    reviews[0] = True
    world = World(lead=arrives.squeeze(-1).long(), lost=False, reviews=reviews)
    path = simulate(LevelsByPeriod(level[:, None].expand(-1, 14)), demand, world, record=True).path
    assert path is not None
    day = torch.arange(14)
    inside = (day >= arrives) & (day < until)
    lived = ((0.1 * path.on_hand + 0.9 * path.short) * inside).sum(dim=1) / inside.sum(dim=1)
    run = demand.cumsum(dim=-1).unsqueeze(-2)
    assert torch.allclose(cost(level.unsqueeze(-1), run, arrives, until, ratio).squeeze(-1), lived)
    best = hindsight_level(run, arrives, until, ratio)
    house = hindsight(demand.numpy(), np.zeros((6, 1)), arrives.numpy(), until.numpy(), 0.1, 0.9, up=True).level
    assert np.allclose(best.numpy(), house)
    assert torch.allclose(regret(best.squeeze(-1), demand, arrives, until, ratio), torch.zeros(6, dtype=torch.float64))
    for away in (-3.0, 3.0):
        assert bool((regret(best.squeeze(-1) + away, demand, arrives, until, ratio) >= 0).all())
    assert float(regret(level, demand, arrives, until + 99, ratio).sum()) == 0  # it ends beyond what is known


def test_demand_by_a_time_lies_between_whole_days_and_goes_on_after_the_horizon() -> None:
    mean = torch.tensor([[2.0, 4.0]])
    found = demand_by(mean, torch.tensor([[-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]]))
    assert found.tolist() == [[0.0, 0.0, 1.0, 2.0, 4.0, 6.0, 9.0]]


def test_at_first_an_order_covers_the_share_of_the_interval_that_its_costs_say() -> None:
    panel = made_panel(replace(CASE, bare=True))
    _, layout, source = ready(panel, receipts(panel, waits=(2,)))
    module = net(layout)
    for parameter in module.head_order.says.parameters():
        if parameter.ndim == 2:
            torch.nn.init.zeros_(parameter)
    batch = source.batch(torch.arange(len(source)))
    for ratio in RATIOS[1:-1]:
        with torch.no_grad():
            terms = Terms(review=10, holding=1 - ratio, shortage=ratio)
            outputs = module(**WORKLOAD.inputs(module, asked(batch, terms)))
        usual = demand_by(outputs["mean"], batch.points.mean(dim=-1, keepdim=True) + 10 * ratio).squeeze(-1)
        assert torch.allclose(outputs["level"], usual, rtol=0.2)


def test_what_can_not_be_asked_is_refused() -> None:
    for terms in ({"review": 0}, {"holding": 0.0}, {"shortage": -1.0}):
        with pytest.raises(SettingRefused) as refused:
            Terms(**terms)  # type: ignore[arg-type]
        assert refused.value.hint
    panel = made_panel(CASE)
    cut = made_windows(CASE, panel)
    with pytest.raises(DatasetError, match="lead times of 1 panels for windows of 2"):
        Waits.of(cut, [panel, panel], [receipts(panel)])


def test_squared_error_is_another_teacher() -> None:
    panel = made_panel(CASE)
    other = E2E(by_cost=False)
    _, layout, source = ready(panel, receipts(panel))
    batch = source.batch(torch.arange(8))
    module = net(layout)
    outputs = module(**WORKLOAD.inputs(module, batch))
    one, two = (each.loss(outputs, batch, layout) for each in (WORKLOAD, other))
    assert not torch.allclose(one, two)
