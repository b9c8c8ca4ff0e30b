"""Metrics against scikit-learn and plain loops; what can't be measured is None with its reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as others

from invplat.core.errors import DatasetError
from invplat.evaluate.answers import Answers, joined
from invplat.evaluate.metrics import available, by, measure

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


def made(seed: int, rows: int = 60) -> Answers:
    random = np.random.default_rng(seed)
    actual = random.poisson(3, rows) * 1.5
    predicted = actual + random.normal(0, 2, rows)
    quantiles = predicted[:, None] + np.sort(random.normal(0, 2, (rows, len(LEVELS))), axis=1)
    series = random.integers(0, 5, rows)
    scales = np.array([1.0, 2.0, 0.5, 0.0, np.nan])[series]
    return Answers.of(
        actual,
        predicted,
        quantiles=quantiles,
        levels=LEVELS,
        absolute_scale=scales,
        squared_scale=scales**2,
        labels={"series": series, "store": random.integers(0, 3, rows), "step": random.integers(1, 4, rows)},
    )


def naive(answers: Answers) -> dict[str, float | None]:
    """The same figures as a person would count them."""
    pairs = list(zip(answers.actual.tolist(), answers.predicted.tolist(), strict=True))
    n = len(pairs)
    middle, said = sum(y for y, _ in pairs) / n, sum(p for _, p in pairs) / n
    squares, spread = sum((p - y) ** 2 for y, p in pairs), sum((y - middle) ** 2 for y, _ in pairs)
    spread_said = sum((p - said) ** 2 for _, p in pairs)
    nonzero = [(y, p) for y, p in pairs if y != 0]
    assert answers.absolute_scale is not None
    scaled = [
        (label, y, p, scale)
        for label, (y, p), scale in zip(
            answers.labels["series"].codes.tolist(), pairs, answers.absolute_scale.tolist(), strict=True
        )
        if scale > 0
    ]
    roots = []
    for series in {row[0] for row in scaled}:
        mine = [((p - y) / scale) ** 2 for label, y, p, scale in scaled if label == series]
        roots.append(math.sqrt(sum(mine) / len(mine)))
    losses = [
        max(level * (y - q), (level - 1) * (y - q))
        for (y, _), row in zip(pairs, answers.quantiles.tolist(), strict=True)
        for level, q in zip(LEVELS, row, strict=True)
    ]
    size = sum(abs(y) for y, _ in pairs)
    inside = [row[0] <= y <= row[4] for (y, _), row in zip(pairs, answers.quantiles.tolist(), strict=True)]
    return {
        "mse": squares / n,
        "rmse": math.sqrt(squares / n),
        "mae": sum(abs(p - y) for y, p in pairs) / n,
        "bias": sum(p - y for y, p in pairs) / n,
        "mape": sum(abs(p - y) / abs(y) for y, p in nonzero) / len(nonzero) if nonzero else None,
        "smape": sum(2 * abs(p - y) / (abs(p) + abs(y)) for y, p in pairs) / n,
        "wape": sum(abs(p - y) for y, p in pairs) / size if size else None,
        "r2": 1 - squares / spread if spread else None,
        "rrse": math.sqrt(squares / spread) if spread else None,
        "rae": sum(abs(p - y) for y, p in pairs) / sum(abs(y - middle) for y, _ in pairs) if spread else None,
        "correlation": sum((y - middle) * (p - said) for y, p in pairs) / math.sqrt(spread * spread_said)
        if spread and spread_said
        else None,
        "mase": sum(abs(p - y) / scale for _, y, p, scale in scaled) / len(scaled) if scaled else None,
        "rmsse": sum(roots) / len(roots) if roots else None,
        "pinball": sum(losses) / len(losses),
        "weighted_quantile_loss": 2 * sum(losses) / len(LEVELS) / size if size else None,
        "coverage_80": sum(inside) / n,
        "width_80": sum(row[4] - row[0] for row in answers.quantiles.tolist()) / n,
    }


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_groups_agree_with_plain_loops(seed: int) -> None:
    answers = made(seed)
    groups = {(record["store"], record["step"]): record for record in by(answers, ["store", "step"])}
    store, step = answers.labels["store"], answers.labels["step"]
    found = 0
    for (one, other), record in groups.items():
        mine = answers.where(
            (store.codes == store.names.index(one)) & (step.codes == step.names.index(other))  # type: ignore[arg-type]
        )
        assert record["rows"] == len(mine)
        found += len(mine)
        for name, value in naive(mine).items():
            assert record[name] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), name
    assert found == len(answers)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_figures_agree_with_scikit_learn(seed: int) -> None:
    answers = made(seed)
    actual, predicted = answers.actual, answers.predicted
    found = {name: figure.value for name, figure in measure(answers).items()}
    there = actual != 0
    expected = {
        "mse": others.mean_squared_error(actual, predicted),
        "rmse": others.root_mean_squared_error(actual, predicted),
        "mae": others.mean_absolute_error(actual, predicted),
        "r2": others.r2_score(actual, predicted),
        "mape": others.mean_absolute_percentage_error(actual[there], predicted[there]),
        "correlation": np.corrcoef(actual, predicted)[0, 1],
        "pinball": np.mean(
            [others.mean_pinball_loss(actual, answers.quantiles[:, i], alpha=a) for i, a in enumerate(LEVELS)]
        ),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value), name
    assert found["coverage_50"] is not None
    assert {name for name in available(answers) if name.startswith("width")} == {"width_80", "width_50"}


def test_zeros_left_out_are_counted() -> None:
    figure = measure(Answers.of([0, 0, 2], [1, 0, 3]), ["mape"])["mape"]
    assert figure.value == 0.5
    assert figure.note == "2 rows with actual 0 left out"


@pytest.mark.parametrize("level", [0.0, 0.1, 1e9, 7.3])
def test_constants_have_no_correlation_and_say_why(level: float) -> None:
    found = measure(Answers.of([level] * 7, [level + 1, *[level] * 6]))
    for name in ("r2", "rae", "rrse", "correlation"):
        assert found[name].value is None
        assert "all the same" in found[name].note
    assert found["mae"].value == pytest.approx(1 / 7)
    assert measure(Answers.of([1, 2, 3], [level] * 3))["correlation"].value is None


def test_nothing_to_judge_says_so() -> None:
    for figure in measure(Answers.of([1.0, 2.0], [1.0, 2.0], mask=[False, False])).values():
        assert figure.value is None
        assert figure.note == "no rows"
    assert by(Answers.of([], [], labels={"store": []}), "store") == []


def test_all_zero_actuals_say_so() -> None:
    found = measure(Answers.of([0, 0], [1, 2]))
    assert found["wape"].note == found["mape"].note.split(";")[0] == "every actual value is 0"
    assert found["smape"].value == 2.0


def test_a_nan_prediction_is_never_silent() -> None:
    answers = Answers.of([1, 2, 3], [1, float("nan"), 3], labels={"store": ["a", "a", "b"]})
    assert all(figure.value is None for figure in measure(answers).values())
    assert measure(answers)["mae"].note == "1 of 3 rows are not finite numbers"
    good = by(answers, "store", ["mae"])
    assert [record["mae"] for record in good] == [None, 0.0]


def test_masks_drop_rows_and_labels_spread_over_them() -> None:
    answers = Answers.of(
        [[1, 2], [3, 4]], [[1, 2], [3, 9]], mask=[[True, True], [True, False]], labels={"store": ["b", None]}
    )
    assert len(answers) == 3
    assert [(record["store"], record["rows"]) for record in by(answers, "store", ["mae"])] == [("b", 2), (None, 1)]


def test_joined_parts_are_one() -> None:
    whole = made(3)
    odd = np.arange(len(whole)) % 2 == 1
    parts = joined([whole.where(odd), whole.where(~odd)])
    for name, figure in measure(whole).items():
        assert measure(parts)[name].value == pytest.approx(figure.value), name
    named = joined([Answers.of([1], [1], labels={"store": ["b"]}), Answers.of([2], [1], labels={"store": ["a"]})])
    assert [record["mae"] for record in by(named, "store")] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("wrong", "about"),
    [
        (lambda: Answers.of([1], [1, 2]), "shape"),
        (lambda: Answers.of([1], [1], levels=(0.5,), quantiles=[1]), "levels need"),
        (lambda: Answers.of([1], [1], levels=(0.9, 0.1), quantiles=[[1, 2]]), "ascending"),
        (lambda: measure(Answers.of([1], [1]), ["rsme"]), "rsme"),
        (lambda: by(Answers.of([1], [1]), "store"), "store"),
        (lambda: Answers.of([1], [1], labels={"store": ["a", "b"]}), "label store"),
        (lambda: joined([]), "no answers"),
    ],
)
def test_mistakes_are_explained(wrong, about: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DatasetError, match=about):
        wrong()
