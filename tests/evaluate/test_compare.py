"""Tables of a comparison: the columns of the report, the best of each, what can't be had said; and as files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from invplat.evaluate.answers import Answers
from invplat.evaluate.backtest import Backtest
from invplat.evaluate.compare import OURS, Comparison, Tabular, coverage_of, table_of_backtest, table_of_outcomes
from invplat.evaluate.tabular_references import REPORT as COLUMNS
from invplat.evaluate.tabular_references import Outcome, Parts, TabularData, judged
from invplat.evaluate.written import write_comparison

ACTUAL = np.array([0.0, 2.0, 4.0, 6.0])
LEVELS = (0.1, 0.5, 0.9)


def answers(off: float, levels: bool = True) -> Answers:
    said = ACTUAL + off
    quantiles = np.stack([said - 1, said, said + 1], axis=1) if levels else None
    labels = {"series": ["s/a"] * 4, "store": ["s"] * 4, "step": [1, 2, 1, 2]}
    return Answers.of(
        ACTUAL, said, quantiles=quantiles, levels=LEVELS if levels else (), absolute_scale=[2.0] * 4, labels=labels
    )


def run() -> Backtest:
    return Backtest(
        {"far": answers(3), "near": answers(-0.5), "mean": answers(1, levels=False)},
        {"far": 1.0, "near": 2.0, "mean": 3.0},
    )


def comparison() -> Comparison:
    return Comparison("shop", ("near",), "daily", 7, 2, (), {OURS: table_of_backtest(run(), "about")}, run())


def test_rows_come_with_the_smallest_error_first_and_the_report_s_columns() -> None:
    table = table_of_backtest(run(), "about")
    assert [row.model for row in table.rows] == ["near", "mean", "far"]
    assert table.metrics[: len(COLUMNS)] == COLUMNS
    assert {"wape", "mase", "bias", "pinball", "coverage_80"} <= set(table.metrics)
    assert [row.seconds for row in table.rows] == [2.0, 3.0, 1.0]
    assert table.judged == 4
    assert table.rows[0].figures["mape"].note == "1 rows with actual 0 left out"


def test_the_best_of_a_column_is_by_what_is_good_in_it() -> None:
    table = table_of_backtest(run(), "about")
    assert table.best("rmse") == table.best("r2") == table.best("bias") == ("near",)
    assert set(table.best("correlation")) == {"far", "near", "mean"}
    assert table.best("coverage_80") == ("near",)  # of those that say quantiles, nearest to 80 %


def test_what_a_model_does_not_say_is_no_figure() -> None:
    row = next(row for row in table_of_backtest(run(), "about").rows if row.model == "mean")
    assert row.figures["pinball"].value is None
    assert row.figures["pinball"].note == "it says no quantiles"


def test_the_interval_looked_at_is_of_80_percent_where_there_is_one() -> None:
    assert coverage_of((0.05, 0.1, 0.5, 0.9, 0.95)) == ("coverage_80",)
    assert coverage_of((0.25, 0.5, 0.75)) == ("coverage_50",)
    assert coverage_of(()) == ()


def test_files_hold_every_answer_and_every_figure(tmp_path: Path) -> None:
    data = TabularData({"price": np.arange(12.0)}, {}, np.arange(12.0))
    parts = Parts(np.arange(6), np.arange(6, 8), np.arange(8, 12))
    said = np.arange(8.0, 12.0) + 1
    outcome = Outcome("ridge", said, judged(data, parts, "ridge", said), {"alpha": 1.0}, 0.1)
    whole = comparison()
    tables = {**whole.tables, "report": table_of_outcomes(data, parts, [outcome])}
    tabular = Tabular(data.target[parts.test], (outcome,))
    shown = Comparison("shop", ("near",), "daily", 7, 2, (), tables, whole.backtest, tabular)
    paths = write_comparison(shown, tmp_path / "out", {"by": {"step": shown.backtest.by("step")}})  # type: ignore[union-attr]
    assert [path.name for path in paths] == ["comparison.json", "answers.parquet", "report.parquet"]
    content = json.loads(paths[0].read_text())
    assert [row["model"] for row in content["tables"]["ours"]["models"]] == ["near", "mean", "far"]
    assert content["tables"]["report"]["models"][0]["rmse"] == 1.0
    assert content["by"]["step"][0]["step"] == 1
    rows = pq.read_table(paths[1])
    assert len(rows) == 12
    near = rows.filter(np.array(rows.column("model").to_pylist()) == "near")
    assert near.column("actual").to_pylist() == ACTUAL.tolist()
    assert near.column("q0.9").to_pylist() == (ACTUAL + 0.5).tolist()
    assert rows.column("q0.9").null_count == 4  # the model without quantiles
    assert pq.read_table(paths[2]).column("ridge").to_pylist() == said.tolist()
