"""Pictures: right numbers in the right place, names that stay text, and files that are whole or not there."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from invplat.core.errors import StorageError
from invplat.evaluate import charts
from invplat.evaluate.compare import OURS, REPORT, Comparison, Row, Table, Tabular
from invplat.evaluate.pictures import accuracy, drivers, money, time
from invplat.evaluate.pictures.canvas import DOTS, WIDE, png, styled, svg, title_of
from invplat.evaluate.pictures.measures import measure_of
from invplat.evaluate.tabular_references import Outcome
from tests.evaluate.compared import compared

EVIL = '<script>alert(1)</script> $x_1$ "& \u202eabc'
MODELS = [f"a model with quite a long name, number {number}" for number in range(12)]
DAYS = [date(2025, 1, 1) + timedelta(days=number) for number in range(56)]


def texts(figure: Figure) -> list[Text]:
    """All that is written in a figure, as it was laid out; ticks outside the axes are never drawn."""
    with styled():
        figure.draw_without_rendering()
    outside = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            room = 1e-6 * (high - low)
            outside |= {
                tick.label1 for tick in axis.get_major_ticks() if not low - room <= tick.get_loc() <= high + room
            }
    found = [one for one in figure.findobj(Text) if isinstance(one, Text) and one not in outside]
    return [one for one in found if one.get_visible() and one.get_text().strip()]


def overlapping(written: list[Text]) -> list[tuple[str, str]]:
    boxes = [(found.get_text(), found.get_window_extent()) for found in written if found.get_rotation() == 0]
    return [
        (one, other)
        for place, (one, box) in enumerate(boxes)
        for other, second in boxes[place + 1 :]
        if min(box.x1, second.x1) - max(box.x0, second.x0) > 1 and min(box.y1, second.y1) - max(box.y0, second.y0) > 1
    ]


def figures(number: int) -> dict[str, dict[str, float | None]]:
    draw = np.random.default_rng(0)
    metrics = ("rmse", "mae", "wape", "mape", "rae", "rrse", "correlation", "r2")
    return {name: {metric: float(draw.uniform(0.5, 1)) for metric in metrics} for name in MODELS[:number]}


def fan(name: str = EVIL) -> time.Fan:
    quantiles = np.linspace(1, 9, 28 * 3).reshape(28, 3)
    return time.Fan(name, DAYS[:28], np.ones(28), DAYS[28:], np.ones(28), quantiles[:, 1], quantiles, (0.1, 0.5, 0.9))


def every() -> dict[str, Figure]:
    draw = np.random.default_rng(0)
    many = draw.negative_binomial(1, 0.02, 4000).astype(float)
    stock = time.Stock(EVIL, np.ones(56), np.ones(56), np.zeros(56))
    line = [0.5 + 0.01 * step for step in range(28)]
    return {
        "bars": accuracy.bars(figures(12), MODELS[:2], EVIL),
        "cloud": accuracy.actual_against_predicted(dict.fromkeys(MODELS[:4], (many, many + 1))),
        "dots": accuracy.actual_against_predicted({EVIL: (np.arange(9.0), np.arange(9.0))}),
        "steps": accuracy.error_by_step(dict.fromkeys(MODELS, line), "wape", "day", MODELS[:1]),
        "fans": time.fans([fan(), fan("worst"), fan("median")]),
        "stock": time.stock_curves(DAYS, np.ones(56), stock, stock, EVIL),
        "stock of all": time.stock_of_all(dict.fromkeys(MODELS, line), "day", "all"),
        "training": time.training({name: time.Losses(line, line, 3) for name in MODELS[:4]}),
        "costs": money.costs([(name, 9.0, 1e3) for name in MODELS], MODELS[:1], "costs", "money"),
        "drivers": drivers.drivers([(name, 1.0 - place) for place, name in enumerate(MODELS)], 3.0, 4.0, EVIL),
        "weights": drivers.weights([(name, 0.1, None) for name in MODELS], "weights"),
    }


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return every()


@pytest.fixture(scope="module")
def written(drawn: dict[str, Figure]) -> dict[str, list[Text]]:
    return {name: texts(figure) for name, figure in drawn.items()}


def test_nothing_written_lies_over_anything_else(written: dict[str, list[Text]]) -> None:
    assert {name: overlapping(found) for name, found in written.items()} == {name: [] for name in written}


def test_everything_written_is_inside_its_figure(written: dict[str, list[Text]], drawn: dict[str, Figure]) -> None:
    for name, found in written.items():
        for one in found:
            box = one.get_window_extent()
            assert box.x0 > -1, (name, one.get_text())
            assert box.x1 < drawn[name].bbox.x1 + 1, (name, one.get_text())


def test_letters_are_large_enough_at_full_size(written: dict[str, list[Text]]) -> None:
    assert min(one.get_fontsize() for found in written.values() for one in found) * DOTS / 72 >= 14  # pixels


def test_names_stay_text(drawn: dict[str, Figure]) -> None:
    for figure in drawn.values():
        tree = ElementTree.fromstring(svg(figure))
        assert {node.tag for node in tree.iter()} <= {"svg", "g", "path", "text", "defs", "use", "clipPath", "rect"}
        assert not any(name.startswith("on") for node in tree.iter() for name in node.attrib)
    said = "".join(node.text or "" for node in ElementTree.fromstring(svg(drawn["fans"])).iter("text"))
    assert "<script>alert(1)</script> $x_1$" in said
    assert "\u202e" not in said


def test_an_svg_has_no_colour_of_its_own_and_fetches_nothing(drawn: dict[str, Figure]) -> None:
    for figure in drawn.values():
        text = svg(figure)
        assert not re.search(r"(fill|stroke): #", text)
        assert not re.search(r"https?:|font-family|<style", text)
        assert "url(" not in text.replace("url(#", "")


def test_a_colour_in_a_name_is_left_alone() -> None:
    figure = time.training({"#1d6f7a": time.Losses([1.0, 0.5], [1.0, 0.5], 2)})
    assert ">#1d6f7a<" in svg(figure)


def test_the_same_picture_is_the_same_bytes(tmp_path: Path) -> None:
    one, two = (time.fans([fan()]) for _ in range(2))
    assert svg(one) == svg(two)
    assert png(one, tmp_path / "one.png").read_bytes() == png(two, tmp_path / "two.png").read_bytes()


def test_a_picture_is_as_wide_as_it_says_and_keeps_its_title(tmp_path: Path) -> None:
    figure = accuracy.bars(figures(3), (), "A title")
    svg(figure)
    path = png(figure, tmp_path / "new" / "bars.png")
    content = path.read_bytes()
    assert int.from_bytes(content[16:20]) == WIDE * DOTS
    assert title_of(figure) == "A title"
    assert [item.name for item in path.parent.iterdir()] == ["bars.png"]


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="can't be written"):
        png(accuracy.bars(figures(1)), tmp_path / "file" / "bars.png")


def test_bars_mark_the_best_and_cut_what_would_hide_the_rest() -> None:
    told = {name: {"rmse": value, "r2": -value} for name, value in zip("abcd", (1.0, 2.0, 3.0, 9e9), strict=True)}
    found = {text.get_text(): text for text in texts(accuracy.bars(told))}
    assert found["1.00"].get_fontweight() == "bold"
    assert found["2.00"].get_fontweight() == "normal"
    assert found["-1.00"].get_fontweight() == "bold"  # of R², the highest
    assert "9bn ▸" in found
    assert "▸ the bar is cut off" in {text.strip() for text in found}


@pytest.mark.parametrize(("top", "logs"), [(12.0, False), (5000.0, True)])
def test_axes_are_logarithmic_where_values_span_decades(top: float, logs: bool) -> None:
    actual = np.array([0.0, 1, 2, 3, 4, top])
    axis = accuracy.actual_against_predicted({"one": (actual, actual)}).axes[0]
    assert (axis.get_xlim()[1] < 10) == logs
    points = axis.lines[0].get_xydata()
    expected = np.log10(1 + actual) if logs else actual
    assert np.allclose(np.asarray(points)[:, 0], expected)


def test_a_fan_shows_its_widest_and_its_middle_interval() -> None:
    levels = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    wide = replace(fan(), levels=levels, quantiles=np.tile(np.arange(7.0), (28, 1)))
    named = {text.get_text() for text in texts(time.fans([wide]))}
    assert {"90 % interval", "50 % interval"} <= named


@pytest.mark.parametrize(
    ("metric", "one", "other"),
    [
        ("rmse", 1.0, 2.0),
        ("r2", 0.9, 0.1),
        ("bias", -0.1, 0.3),
        ("coverage_80", 0.82, 0.7),
        ("coverage_80", 0.79, 0.95),
    ],
)
def test_which_figure_is_better(metric: str, one: float, other: float) -> None:
    assert measure_of(metric).better(one, other)
    assert not measure_of(metric).better(other, one)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compared()


def test_a_comparison_has_its_pictures(comparison: Comparison, tmp_path: Path) -> None:
    names = {path.stem for path in charts.comparison(comparison, tmp_path)}
    assert {"accuracy", "by_step", "actual_predicted", "fans", "costs", "stock", "stock_series", "training"} <= names
    assert {path.stem for path in tmp_path.iterdir()} == names


def test_fans_are_of_the_best_and_the_worst_series(comparison: Comparison) -> None:
    assert comparison.backtest is not None
    answers = comparison.backtest.answers["exact"]
    shown = charts.telling(answers, comparison.panels, comparison.frequency)
    errors = {}
    cutoff = max(answers.label("cutoff").names)
    for code, name in enumerate(answers.label("series").names):
        mine = answers.where(
            (answers.label("series").codes == code)
            & (answers.label("cutoff").codes == answers.label("cutoff").names.index(cutoff))
        )
        errors[name.replace("/", " · ")] = np.abs(mine.predicted - mine.actual).sum() / mine.actual.sum()
    assert len(shown) == 3
    assert shown[0].name.split(" · ")[1] in min(errors, key=errors.__getitem__)
    assert shown[-1].name.split(" · ")[1] in max(errors, key=errors.__getitem__)
    panel = comparison.panels[0]
    row = panel.skus.index(shown[0].name.split(" · ")[1])
    now = panel.period(cutoff)
    known = panel.observed[row] & ~panel.censored[row]
    expected = np.where(known, panel.demand[row], np.nan)
    assert np.array_equal(shown[0].actual, expected[now + 1 : now + 8], equal_nan=True)
    assert shown[0].history[-1] == cutoff


def test_the_report_s_table_has_pictures_of_its_own(comparison: Comparison) -> None:
    actual = np.arange(1.0, 30.0)
    figures = comparison.tables[OURS].rows[0].figures
    rows = tuple(Row(name, figures, 0.1) for name in ("exact", "ridge"))
    said = tuple(Outcome(name, actual + place, figures, {}, 0.1) for place, name in enumerate(("ridge", "exact")))
    found = replace(
        comparison,
        tables={REPORT: Table(REPORT, "about", len(actual), rows)},
        backtest=None,
        tabular=Tabular(actual, said),
        costs=(),
    )
    drawn = {chart.name: chart for chart in charts.charts(found)}
    assert set(drawn) == {"report_accuracy", "report_actual_predicted", "training"}
    assert drawn["report_accuracy"].title == "Without past sales, exact has the smallest RMSE of 2 models"
    (dots, _) = drawn["report_actual_predicted"].figure.axes[0].lines
    assert np.array_equal(np.asarray(dots.get_ydata()), actual + 1), "ours comes first, with what it said"


def test_one_model_alone_is_not_called_the_best(comparison: Comparison) -> None:
    table = comparison.tables[OURS]
    alone = replace(comparison, tables={OURS: replace(table, rows=table.rows[:1])}, costs=(), training={}, panels=())
    assert re.fullmatch(r"\w+ has an RMSE of \d+\.\d+ units", charts.charts(alone)[0].title)


def test_a_comparison_without_nets_or_quantiles_has_fewer_pictures(comparison: Comparison) -> None:
    bare = replace(comparison, training={}, costs=(), panels=())
    assert {chart.name for chart in charts.charts(bare)} == {"accuracy", "by_step", "actual_predicted"}
