"""Workloads beside references: one comparison of both protocols, and what can't be compared refused or said."""

from __future__ import annotations

import pytest

from invplat.core.errors import DatasetError, SettingRefused
from invplat.evaluate.compare import OURS, REPORT, Comparison
from invplat.evaluate.costs import HINDSIGHT
from invplat.train.contest import Rules, contest
from invplat.workload import find
from tests.train.shop import TINY, shop

QUICK = {"models": ("seasonal_naive", "ridge"), "origins": 2, "past": 14, "horizon": 14, "epochs": 2}


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    rules = Rules(**QUICK, protocols=(OURS, REPORT), params={"mlp": TINY})  # type: ignore[arg-type]
    return contest(shop(days=300), [find("mlp"), find("lstm")], rules)


def test_every_model_is_judged_on_the_same_rows_of_the_same_origins(comparison: Comparison) -> None:
    assert comparison.backtest is not None
    answers = comparison.backtest.answers
    assert set(answers) == {"seasonal_naive", "ridge", "mlp", "lstm"}
    assert {len(one) for one in answers.values()} == {2 * 8 * 14}
    assert len(comparison.cutoffs) == 2
    assert comparison.workloads == ("mlp", "lstm")
    assert set(comparison.training) == {"mlp", "lstm"}
    assert {row.model for row in comparison.tables[OURS].rows} == set(answers)


def test_orders_are_compared_with_hindsight(comparison: Comparison) -> None:
    assert comparison.costs[0].model == HINDSIGHT
    assert {cost.model for cost in comparison.costs} == {HINDSIGHT, "seasonal_naive", "ridge", "mlp", "lstm"}
    assert any("an order every 7 periods, 3 on its way" in note for note in comparison.notes)  # as the receipts say


def test_the_report_s_table_has_those_that_read_tables(comparison: Comparison) -> None:
    table = comparison.tables[REPORT]
    assert {row.model for row in table.rows} == {"ridge", "mlp"}
    assert comparison.tabular is not None
    assert {len(outcome.predicted) for outcome in comparison.tabular.outcomes} == {len(comparison.tabular.actual)}
    assert any(note.startswith("lstm reads a past") for note in comparison.notes)


def test_what_can_t_be_compared_is_refused_before_anything_is_fitted() -> None:
    dataset = shop()
    with pytest.raises(DatasetError, match="there is room for"):
        contest(dataset, [], Rules(models=("seasonal_naive",), origins=50))
    with pytest.raises(DatasetError, match=r"'seasonal_niave'\n  did you mean seasonal_naive"):
        Rules(models=("seasonal_niave",))
    with pytest.raises(SettingRefused, match="protocol 'theirs'"):
        Rules(protocols=("theirs",))
    with pytest.raises(DatasetError, match="no 'colour' to group by"):
        contest(dataset, [], Rules(models=("seasonal_naive",), by=("colour",)))
    with pytest.raises(SettingRefused, match="outside the space"):
        contest(dataset, [find("mlp")], Rules(params={"mlp": {"hidden_one": 1}}))
    with pytest.raises(DatasetError, match="none of these models reads"):
        contest(shop(days=300), [find("lstm")], Rules(models=(), protocols=(REPORT,)))


def test_slow_references_are_left_out_unless_named() -> None:
    found = contest(shop(), [], Rules(models=("ets",), origins=1, past=14, horizon=7))
    assert [row.model for row in found.tables[OURS].rows] == ["ets"]
    assert found.tables[OURS].rows[0].figures["pinball"].value is not None
