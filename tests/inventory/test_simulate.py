"""The simulator against a plain loop, the law that no unit appears or vanishes, and gradients that tell the truth."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from invplat.core.errors import UserError
from invplat.inventory.outcome import Costs, Outcome
from invplat.inventory.policy import BaseStock, ConstantOrder, LevelsByPeriod, ReorderPoint
from invplat.inventory.simulate import World, simulate
from invplat.inventory.state import State
from invplat.inventory.terms import Terms
from tests.inventory.worlds import Plain

PERIODS, ITEMS = 12, 3


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    rows = lambda low, high: st.lists(st.integers(low, high), min_size=PERIODS, max_size=PERIODS)  # noqa: E731
    table = lambda low, high: [draw(rows(low, high)) for _ in range(ITEMS)]  # noqa: E731
    kind = draw(st.sampled_from(("fixed", "item", "period")))
    leads = table(0, 4)
    if kind != "period":
        leads = [[row[0]] * PERIODS for row in leads]
    if kind == "fixed":
        leads = [leads[0]] * ITEMS
    return {
        "demand": table(0, 9),
        "kind": kind,
        "leads": leads,
        "lost": draw(st.booleans()),
        "life": draw(st.sampled_from((None, 1, 2, 3))),
        "crossing": draw(st.booleans()),
        "reviews": draw(st.sampled_from((None, 3))) or draw(st.lists(st.booleans(), min_size=12, max_size=12)),
        "initial": [draw(st.integers(0, 15)) for _ in range(ITEMS)],
        "level": draw(st.integers(0, 25)),
        "point": draw(st.integers(-3, 25)),
    }


def tensors(case: dict[str, Any], *, record: bool = False, dtype: torch.dtype = torch.float64) -> Outcome:
    leads = torch.tensor(case["leads"])
    lead = {"fixed": int(leads[0, 0]), "item": leads[:, 0], "period": leads}[case["kind"]]
    reviews = case["reviews"]
    world = World(
        lead=lead,
        lost=case["lost"],
        shelf_life=case["life"],
        crossing=case["crossing"],
        reviews=reviews if isinstance(reviews, int) else torch.tensor(reviews),
    )
    rule = ReorderPoint(float(min(case["point"], case["level"])), float(case["level"]))
    demand = torch.tensor(case["demand"], dtype=dtype)
    return simulate(rule, demand, world, initial=torch.tensor(case["initial"], dtype=dtype), record=record)


@settings(max_examples=80)
@given(cases())
def test_the_tensors_agree_with_a_plain_loop(case: dict[str, Any]) -> None:
    point, level = min(case["point"], case["level"]), case["level"]
    reviews = case["reviews"]
    days = [day % reviews == 0 for day in range(PERIODS)] if isinstance(reviews, int) else reviews
    with torch.no_grad():
        ours = tensors(case)
    for item in range(ITEMS):
        plain = Plain(
            order=lambda have, coming: level - have - coming if have + coming <= point else 0,
            demand=case["demand"][item],
            lead=case["leads"][item],
            lost=case["lost"],
            life=case["life"],
            reviews=days,
            crossing=case["crossing"],
        ).run(case["initial"][item])
        assert {name: int(getattr(ours, name)[item]) for name in plain} == plain


@settings(max_examples=80)
@given(cases())
def test_no_unit_appears_or_vanishes(case: dict[str, Any]) -> None:
    ours = tensors(case, record=True)
    initial = torch.tensor(case["initial"], dtype=torch.float64)
    on_hand, owed = ours.level.clamp(min=0), (-ours.level).clamp(min=0)
    assert torch.equal(initial + ours.received, ours.sold + on_hand + ours.expired)
    assert torch.equal(ours.demand, ours.sold + owed + (ours.short if case["lost"] else 0))
    assert torch.equal(ours.ordered, ours.received + ours.pipeline.sum(1))
    path = ours.path
    assert path is not None
    assert torch.equal(path.sales.sum(1), ours.sold)
    stock = initial.unsqueeze(1) + (path.received - path.sales - path.expired).cumsum(1)
    assert torch.equal(stock.clamp(min=0), path.on_hand)
    assert torch.equal(path.on_hand.sum(1), ours.held)
    assert bool((path.on_hand >= 0).all())
    assert bool((path.sales >= 0).all())


@settings(max_examples=40)
@given(cases(), st.integers(1, PERIODS - 1))
def test_a_run_may_be_cut_and_gone_on_with(case: dict[str, Any], cut: int) -> None:
    demand = torch.tensor(case["demand"], dtype=torch.float64)
    lead = torch.tensor(case["leads"])[:, 0]
    world = World(lead=lead, lost=case["lost"])
    rule = BaseStock(float(case["level"]))
    whole = simulate(rule, demand, world, initial=torch.tensor(case["initial"], dtype=torch.float64))
    first = simulate(rule, demand[:, :cut], world, initial=torch.tensor(case["initial"], dtype=torch.float64))
    rest = simulate(rule, demand[:, cut:], world, initial=first.level, pipeline=first.pipeline)
    assert torch.equal(rest.level, whole.level)
    assert torch.equal(first.held + rest.held, whole.held)
    assert torch.equal(first.short + rest.short, whole.short)
    assert torch.equal(rest.pipeline, whole.pipeline)


def test_warm_up_is_lived_through_and_not_counted() -> None:
    demand = torch.full((1, 10), 3.0)
    seen = simulate(BaseStock(6.0), demand, World(lead=2), warm_up=4)
    assert seen.periods == 6
    assert float(seen.demand) == 18
    whole = simulate(BaseStock(6.0), demand, World(lead=2), record=True)
    assert whole.path is not None
    assert float(seen.short) == float(whole.path.short[:, 4:].sum())
    assert float(seen.sold) == float(whole.path.sales[:, 4:].sum())


def test_the_same_in_is_the_same_out() -> None:
    demand = torch.poisson(torch.full((50, 60), 4.0), generator=torch.Generator().manual_seed(3))
    first, second = (simulate(BaseStock(12.0), demand, World(lead=2), initial=5.0) for _ in range(2))
    assert torch.equal(first.cost(Costs()), second.cost(Costs()))


def test_sales_are_censored_where_nothing_was_left() -> None:
    demand = torch.tensor([[4.0, 4.0, 4.0]])
    path = simulate(ConstantOrder(3.0), demand, World(lead=1), initial=6.0, record=True).path
    assert path is not None
    assert path.sales.tolist() == [[4.0, 4.0, 4.0]]
    assert path.on_hand.tolist() == [[2.0, 1.0, 0.0]]
    assert path.censored.tolist() == [[False, False, True]]


def test_costs_are_put_on_totals() -> None:
    demand = torch.tensor([[4.0, 4.0, 4.0]])
    seen = simulate(ConstantOrder(5.0), demand, World(lead=0, shelf_life=1), initial=0.0)
    assert float(seen.expired) == 3
    assert float(seen.cost(Costs(1, 9, ordering=10, purchase=2, expiry=7))) == 0 + 30 + 30 + 21
    assert float(seen.fill_rate) == 1
    lacking = simulate(ConstantOrder(3.0), demand, World(lead=0), initial=0.0)
    assert float(lacking.cost(Costs(torch.tensor([1.0]), torch.tensor([9.0])))) == 27
    assert float(lacking.fill_rate) == pytest.approx(0.75)
    assert float(lacking.stockouts) == 3


@settings(max_examples=80)
@given(
    st.floats(0, 60), st.floats(0, 40), st.integers(0, 12), st.integers(1, 7), st.integers(1, 50), st.integers(1, 90)
)
def test_terms_are_kept(wanted: float, position: float, minimum: int, pack: int, maximum: int, capacity: int) -> None:
    terms = Terms(float(minimum), float(pack), float(maximum), float(capacity))
    order = float(terms.allowed(torch.tensor([wanted]), torch.tensor([position])))
    assert order % pack == 0
    assert order == 0 or minimum <= order <= maximum
    assert order == 0 or order + position <= capacity + 1e-4
    room = (max(0, min(maximum, capacity - position)) + 1e-4) // pack * pack  # a hair of room more, as above
    assert order >= wanted - 1e-4 or order == pytest.approx(room) or room < minimum


def test_limits_hold_in_a_run() -> None:
    demand = torch.poisson(torch.full((20, 40), 6.0), generator=torch.Generator().manual_seed(0))
    world = World(lead=2, terms=Terms(minimum=8.0, pack=4.0, maximum=16.0, capacity=30.0))
    path = simulate(BaseStock(45.0), demand, world, initial=3.0, record=True).path
    assert path is not None
    placed = path.order[path.order > 0]
    assert len(placed) > 20
    assert set(placed.tolist()) <= {8.0, 12.0, 16.0}
    assert float((path.on_hand + path.sales).max()) <= 30


def test_an_item_may_have_its_own_terms_and_review_days() -> None:
    demand = torch.full((2, 6), 2.0)
    mask = torch.tensor([[True, False, True, False, True, False], [False, True, False, False, True, False]])
    world = World(lead=0, reviews=mask, terms=Terms(pack=torch.tensor([1.0, 5.0])))
    path = simulate(BaseStock(6.0), demand, world, initial=2.0, record=True).path
    assert path is not None
    assert path.order.tolist() == [[4, 0, 4, 0, 4, 0], [0, 10, 0, 0, 5, 0]]


class Leaning:
    """Orders a share of every number of the state, so that every path of the gradient is walked."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    def order(self, state: State) -> Tensor:
        first = state.pipeline[:, 0] if state.pipeline.shape[1] else 0
        level, way, constant, next_one = self.weights
        return (constant - level * state.level - way * state.on_order - next_one * first).clamp(min=0)


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("life", [None, 3])
@pytest.mark.parametrize("lead", [0, 3, torch.tensor([1, 2, 3, 0]), torch.tensor([[1, 2, 0, 3] * 3] * 4)])
def test_gradients_are_those_of_small_steps(lost: bool, life: int | None, lead: int | Tensor) -> None:
    demand = torch.rand(4, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 9
    costs = Costs(1.0, 9.0, purchase=0.5, expiry=2.0)
    world = World(lead=lead, lost=lost, shelf_life=life)

    def cost(weights: Tensor) -> Tensor:
        return simulate(Leaning(weights), demand, world, initial=4.0).cost(costs).sum()

    weights = torch.tensor([0.4, 0.3, 9.1, 0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(cost, (weights,), eps=1e-6, atol=1e-4)


def test_packs_let_gradients_through() -> None:
    level = torch.tensor(17.3, requires_grad=True)
    seen = simulate(BaseStock(level), torch.full((1, 8), 4.0), World(lead=1, terms=Terms(pack=3.0)), initial=9.0)
    seen.cost(Costs()).sum().backward()
    assert float(seen.ordered.detach()) % 3 == 0
    assert level.grad is not None
    assert float(level.grad) != 0


def test_levels_may_change_by_period() -> None:
    levels = torch.tensor([[5.0, 0.0, 9.0]])
    path = simulate(LevelsByPeriod(levels), torch.full((1, 3), 2.0), World(lead=0), record=True).path
    assert path is not None
    assert path.order.tolist() == [[5.0, 0.0, 8.0]]


@pytest.mark.parametrize(
    ("demand", "world", "more", "words"),
    [
        (torch.zeros(3), {}, {}, "demand is .* of shape"),
        (torch.zeros(3, 4, dtype=torch.int64), {}, {}, "demand is torch.int64"),
        (torch.full((2, 3), -1.0), {}, {}, "demand is -1 in one of its 6"),
        (torch.tensor([[float("nan")]]), {}, {}, "demand is nan"),
        (torch.ones(2, 3), {"lead": -1}, {}, "lead is -1"),
        (torch.ones(2, 3), {"lead": torch.ones(2)}, {}, "lead times are torch.float32"),
        (torch.ones(2, 3), {"lead": torch.ones(5, dtype=torch.int64)}, {}, "lead times are .* of shape"),
        (torch.ones(2, 3), {"reviews": 0}, {}, "reviews is 0"),
        (torch.ones(2, 3), {"reviews": torch.ones(2, dtype=torch.bool)}, {}, "reviews are"),
        (torch.ones(2, 3), {"shelf_life": 0}, {}, "shelf_life is 0"),
        (torch.ones(2, 3), {}, {"warm_up": 3}, "warm_up is 3 of 3"),
        (torch.ones(2, 3), {"lead": 1}, {"pipeline": torch.ones(2, 4)}, "on their way for 4 periods"),
        (torch.ones(2, 3), {"lead": 1}, {"pipeline": torch.ones(4)}, "a pipeline of shape"),
    ],
)
def test_worlds_without_meaning_are_refused(
    demand: Tensor, world: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        simulate(BaseStock(3.0), demand, World(**world), **more)


def test_terms_and_costs_without_meaning_are_refused() -> None:
    with pytest.raises(UserError, match="pack is 0"):
        Terms(pack=0)
    with pytest.raises(UserError, match="holding is -1"):
        Costs(holding=-1)
