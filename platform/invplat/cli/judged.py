"""What `train`, `compare`, `evaluate` and `report` share: settings written as name=value, and how a judgement is drawn.

Knows no model and no metric's arithmetic; rich is imported when something is drawn.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output
from invplat.core.errors import SettingRefused

if TYPE_CHECKING:
    from invplat.evaluate.compare import Comparison, Table
    from invplat.train.checkpoint import Checkpoint
    from invplat.train.loop import Epoch

WIDTH = 100  # columns that a table fits where nobody's terminal is wider
SHORT = {"correlation": "corr", "coverage_80": "cov80"}
SPEC = ("past", "horizon", "quantiles")
ROWS = 60  # of a table by group, on a terminal
MODELS = 6  # beside each other in it
BY = ("wape", "rmse", "bias")  # metrics by group
GROUPS = {"horizon": "step"}  # a person's word for a label of the answers


JUDGING = (
    click.option("--holding", type=float, default=1.0, show_default=True, help="Cost of a unit kept for a period."),
    click.option("--shortage", type=float, default=9.0, show_default=True, help="Cost of a unit owed for a period."),
    click.option("--valued", is_flag=True, help="Both are shares of a product's unit cost: sums are money."),
    click.option(
        "--series", type=click.IntRange(min=1), default=2_000, show_default=True, help="Judged at most, drawn."
    ),
    click.option("--by", metavar="KEY,...", help="Also by horizon, store, category, sku, cutoff."),
    click.option(
        "--out", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="[HOME/reports/TENANT/…]"
    ),
)


def judging(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that judges and writes a folder."""
    for option in reversed(JUDGING):
        function = option(function)
    return function


def models_of(text: str | None) -> tuple[str, ...] | None:
    """References by name; none for no reference, and None for the usual ones."""
    return None if text is None else () if text == "none" else tuple(filter(None, text.split(",")))


def protocols_of(text: str) -> tuple[str, ...]:
    return ("ours", "report") if text == "both" else (text,)


def pairs(entries: Iterable[str], flag: str) -> dict[str, str]:
    """`a=1,b=2`, the flag given once or several times."""
    found: dict[str, str] = {}
    for entry in (part.strip() for given in entries for part in given.split(",")):
        name, equals, value = entry.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise SettingRefused(f"{flag} {entry!r} is not a setting", hint=f"write {flag} name=value,name=value")
        found[name.strip()] = value.strip()
    return found


def typed(text: str) -> bool | int | float | str:
    """The value as a space has it; what is no number and not true or false is text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def params_of(entries: Iterable[str]) -> dict[str, Any]:
    return {name: typed(value) for name, value in pairs(entries, "--params").items()}


def spec_of(entries: Iterable[str]) -> dict[str, Any]:
    """past, horizon and quantiles, as written."""
    found: dict[str, Any] = {}
    for name, value in pairs(entries, "--spec").items():
        if name not in SPEC:
            raise SettingRefused(f"--spec has no {name!r}", hint=f"it has {', '.join(SPEC)}")
        number = [typed(part) for part in value.split("/")] if name == "quantiles" else typed(value)
        good = all(isinstance(one, float) for one in number) if isinstance(number, list) else isinstance(number, int)
        if not good:
            example = "quantiles=0.1/0.5/0.9" if name == "quantiles" else f"{name}=28"
            raise SettingRefused(f"--spec {name}={value}", hint=f"write for example {example}")
        found[name] = tuple(number) if isinstance(number, list) else number
    return found


class Epochs:
    """A line that says how a fit goes; on a terminal it is written over, elsewhere it is one an epoch."""

    def __init__(self, output: Output, epochs: int) -> None:
        self.output, self.epochs = output, epochs
        self.best: tuple[float, int] | None = None
        self.over = sys.stderr.isatty()

    def __call__(self, epoch: Epoch, checkpoint: Callable[[], Checkpoint]) -> bool:
        loss = epoch.train if epoch.validation is None else epoch.validation
        if self.best is None or loss < self.best[0]:
            self.best = loss, epoch.number
        told = "" if epoch.validation is None else f"validation {epoch.validation:.4f}  "
        line = (
            f"epoch {epoch.number} of {self.epochs}  training {epoch.train:.4f}  {told}"
            f"best {self.best[0]:.4f} (epoch {self.best[1]})  {epoch.seconds:.1f} s"
        )
        if not (self.output.quiet or self.output.json):
            click.echo(f"\r\x1b[K{line}" if self.over else line, err=True, nl=not self.over)
        return True

    def end(self) -> None:
        if self.over and self.best and not (self.output.quiet or self.output.json):
            click.echo(err=True)


def draw(output: Output, comparison: Comparison) -> None:
    """Every table of a comparison, the best of each column in bold, and what is to be said of them."""
    for table in comparison.tables.values():
        parts = list(table.metrics)
        first = [name for name in parts if name in _REPORT]
        _metrics(table, first, comparison.workloads, table.about)
        rest = [name for name in parts if name not in first]
        if rest:
            _metrics(table, rest, comparison.workloads, "")
        for sentence in sorted(_said(table)):
            click.echo(f"  {sentence}")
        click.echo()
    if comparison.costs:
        _costs(comparison)
    for note in comparison.notes:
        output.note(f"- {note}")


_REPORT = ("rmse", "correlation", "mae", "rae", "rrse", "mape", "r2")


def _metrics(table: Table, names: Sequence[str], ours: Sequence[str], title: str) -> None:
    best = {name: table.best(name) for name in names}
    rows = [
        [
            (row.model, row.model in ours),
            *((figure_text(name, row.figures[name].value), row.model in best[name]) for name in names),
            (f"{row.seconds:.1f}", False),
        ]
        for row in table.rows
    ]
    grid(rows, ["model", *(SHORT.get(name, name).upper() for name in names), "seconds"], title)


def figure_text(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name in ("mape", "wape") or name.startswith("coverage"):
        return f"{100 * value:.1f} %"
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.4g}"


def _said(table: Table) -> set[str]:
    """Notes that hold for every model once, such as the zeros that MAPE leaves out."""
    every = [{(name, figure.note) for name, figure in row.figures.items() if figure.note} for row in table.rows]
    common = set.intersection(*every) if every else set()
    return {f"{SHORT.get(name, name).upper()}: {note}" for name, note in common}


def _costs(comparison: Comparison) -> None:
    least = min((cost.total for cost in comparison.costs[1:]), default=0.0)
    rows = []
    for cost in comparison.costs:
        above = "–" if cost.above_hindsight is None else f"{1 + cost.above_hindsight:,.1f}"
        rows.append(
            [
                (cost.model, cost.model in comparison.workloads),
                (_amount(cost.holding), False),
                (_amount(cost.stockout), False),
                (_amount(cost.total), cost.total == least),
                (above, False),
                (f"{cost.turnover:,.1f}", False),
                (f"{100 * cost.stockout_rate:.1f} %", False),
                (f"{100 * cost.fill_rate:.1f} %", False),
            ]
        )
    columns = ["orders by", "holding", "stockout", "total", "× hindsight", "turnover", "stockouts", "fill rate"]
    grid(rows, columns, "what its orders would have cost")
    click.echo()


def _amount(value: float) -> str:
    return f"{value / 1e6:,.2f} M" if value >= 1e6 else f"{value:,.0f}"


def by_group(output: Output, comparison: Comparison, records: Sequence[Mapping[str, Any]], key: str) -> None:
    """The first metric by step, category, store, …: a row a group, a column a model, of the references the best."""
    from invplat.evaluate.compare import badness
    from invplat.evaluate.figures import Figure

    order = [row.model for row in comparison.tables["ours"].rows]
    beside = [name for name in order if name not in comparison.workloads]
    models = [*comparison.workloads, *beside[: max(MODELS - len(comparison.workloads), 1)]]
    groups = list(dict.fromkeys(record[key] for record in records))
    value = {(record[key], record["forecaster"]): Figure(record[BY[0]]) for record in records}
    rows = []
    for group in groups[:ROWS]:
        found = [value.get((group, model), Figure(None)) for model in models]
        least = min(badness(BY[0], figure) for figure in found)
        rows.append(
            [
                (str(group if group is not None else "unknown"), False),
                *((figure_text(BY[0], figure.value), badness(BY[0], figure) == least) for figure in found),
            ]
        )
    grid(rows, [key, *models], f"{BY[0].upper()} by {key}")
    if len(groups) > ROWS or len(models) < len(order):
        output.note(f"- by {key}: {len(groups):,} groups of {len(order)} models, and more metrics, are in the files")
    click.echo()


def grid(rows: Sequence[Sequence[tuple[str, bool]]], columns: Sequence[str], title: str) -> None:
    """Cells of text and whether they stand out: bold on a terminal, with a star where there is none."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    live = sys.stdout.isatty()
    if title:
        click.echo("\n".join(wrap(title, WIDTH)))
    drawn = Drawn(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns):
        drawn.add_column(Text(name), justify="left" if number == 0 else "right", overflow="fold", no_wrap=number == 0)
    for row in rows:
        drawn.add_row(
            *(
                Text(text, style="bold" if strong else "")
                if live or number == 0
                else Text(text + ("*" if strong else " "))
                for number, (text, strong) in enumerate(row)
            )
        )
    Console(file=sys.stdout, width=None if live else WIDTH).print(drawn, crop=False)


@contextmanager
def comparing(output: Output) -> Iterator[Callable[[str], None]]:
    """A line whenever a model has answered; on a terminal it is written over."""
    live = sys.stderr.isatty()
    silent = output.quiet or output.json
    began = time.monotonic()

    def told(line: str) -> None:
        if not silent:
            text = f"{line}  {time.monotonic() - began:.0f} s"
            click.echo(f"\r\x1b[K{text}" if live else text, err=True, nl=not live)

    yield told
    if live and not silent:
        click.echo("\r\x1b[K", err=True, nl=False)


def keys_of(by: str | None) -> tuple[str, ...]:
    """Labels of the answers, from a list such as `horizon,store`."""
    return tuple(GROUPS.get(key.strip(), key.strip()) for key in (by or "").split(",") if key.strip())


def groups_of(comparison: Comparison, by: str | None) -> dict[str, list[dict[str, Any]]]:
    """Records by each key."""
    found = {}
    for key in keys_of(by):
        if comparison.backtest is None:
            raise SettingRefused(f"--by {key} is of protocol ours", hint="leave --by out, or write --protocol both")
        found[key] = comparison.backtest.by(key, BY)
    return found


def written(output: Output, comparison: Comparison, by: str | None, out: Path | None, name: str) -> None:
    """The comparison on stdout and in a folder, with what it is by group."""
    from invplat.evaluate import charts
    from invplat.evaluate.written import plain, write_comparison

    grouped = groups_of(comparison, by)
    folder = out or output.settings.home / "reports" / comparison.tenant / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    paths = write_comparison(comparison, folder, {"by": grouped} if grouped else None)
    paths += charts.comparison(comparison, folder)
    content = {**comparison.to_json(), **({"by": grouped} if grouped else {}), "files": [str(path) for path in paths]}

    def show() -> None:
        draw(output, comparison)
        for key, records in grouped.items():
            by_group(output, comparison, records, key)
        click.echo(f"figures, every answer and {sum(path.suffix == '.png' for path in paths)} charts are in {folder}")

    output.result(plain(content), table=show)
