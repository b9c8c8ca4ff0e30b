"""`invplat query forecast`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from invplat.cli.output import Output, common, pass_output
from invplat.cli.query.asking import LEVEL, Question, Sheet, answered, asking, choosing, headline, of_series, writing

BY = ("series", "store", "sku", "category", "total")
WIDEST = 28  # places of a sparkline


@click.command("forecast")
@asking
@choosing
@click.option("--horizon", type=click.IntRange(1, 366), metavar="N", help="Periods [as many as the model says].")
@click.option(
    "--quantile", "quantiles", type=LEVEL, multiple=True, metavar="Q", help="A level of the band; repeatable."
)
@click.option("--by", type=click.Choice(BY), default="series", show_default=True, help="What is summed.")
@writing
@common
@pass_output
@of_series
def command(
    output: Output, question: Question, sheet: Sheet, horizon: int | None, quantiles: tuple[float, ...], by: str
) -> None:
    """What will be sold: a line of the coming periods, their sum, and a usual period with its band.

    Without TENANT, the business that the key is of.

    \b
    Examples:
      invplat query forecast corner-shop --store berlin --horizon 14
      invplat query forecast corner-shop --by category --promotion --price-change -0.1
    """
    asked = {**question.fields(), "horizon": horizon, "quantiles": sorted(set(quantiles)) or None, "by": by}

    def show(answer: Mapping[str, Any]) -> None:
        _draw(answer, sheet.rows)

    answered(output, question, sheet, lambda client: client.forecasts, _lines, show, **asked)


def _lines(answer: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ["store", "sku", "group", "date", "mean", *(f"q{level:g}" for level in answer["levels"])]
    return columns, list(_periods(answer))


def _periods(answer: Mapping[str, Any]) -> Iterator[list[Any]]:
    for one in answer["forecasts"]:
        name = [one.get("store"), one.get("sku"), one.get("group")]
        for day, mean, quantiles in zip(answer["dates"], one["mean"], one["quantiles"], strict=True):
            yield [*name, day, mean, *quantiles]


def _draw(answer: Mapping[str, Any], rows: int) -> None:
    from invplat.cli.query.drawn import Column, decimals, draw, more, units
    from invplat.core.page.wording import day, number
    from invplat.data.describe.terminal import sparkline

    click.echo(headline(answer))
    found, dates, levels = answer["forecasts"], answer["dates"], answer["levels"]
    if not found or not dates:
        click.echo("there is no such series")
        return
    period = {"D": "day", "W": "week", "M": "month"}.get(str(answer.get("frequency"))[:1].upper(), "period")
    grouped = found[0].get("group") is not None
    band = [f"{number(100 * level)} %" for level in (levels[0], levels[-1])] if len(levels) > 1 else []
    names = ("group",) if grouped else ("store", "sku")
    columns = [*(Column(name, "left", cut=True) for name in names), *([Column("series", spare=4)] if grouped else [])]
    columns += [Column(f"{day(dates[0])} – {day(dates[-1])}", "left", spare=1)]
    columns += [Column("in all"), Column(f"a {period}"), *(Column(name) for name in band)]
    figures = [_figures(one, bool(band)) for one in found[:rows]]
    places = decimals(each[0] for each in figures), decimals(value for each in figures for value in each[1:])
    lines = []
    for one, (total, *others) in zip(found, figures, strict=False):
        name = [one["group"] or None, f"{one.get('series') or 0:,}"] if grouped else [one.get("store"), one.get("sku")]
        cells = [units(total, places[0]), *(units(value, places[1]) for value in others)]
        lines.append([*name, sparkline(one["mean"], WIDEST), *cells])
    draw(columns, lines)
    if len(found) > rows:
        click.echo(more(len(found), rows))


def _figures(one: Mapping[str, Any], band: bool) -> list[float]:
    """In all, and of a usual period: the mean, the lowest and the highest level."""
    mean, quantiles = one["mean"], one["quantiles"]
    ends = [sum(each[place] for each in quantiles) / len(mean) for place in (0, -1)] if band else []
    return [sum(mean), sum(mean) / len(mean), *ends]
