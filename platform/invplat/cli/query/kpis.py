"""`invplat query kpis`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from invplat.cli.output import Output, common, pass_output
from invplat.cli.query.asking import FILE, asking, service

BY = ("total", "store", "category", "sku")
DAY = click.DateTime(["%Y-%m-%d"])
# what it is called here, how it is drawn
FIGURES = {
    "sales_units": ("sold", "units"),
    "sales_money": ("sales", "money"),
    "cost_of_sales": ("cost of sales", "money"),
    "stock_units": ("mean stock", "units"),
    "stock_value": ("stock at cost", "money"),
    "turnover": ("turnover a year", "units"),
    "days_of_supply": ("days of supply", "units"),
    "holding_cost": ("holding cost", "money"),
    "service_level": ("service level", "share"),
    "fill_rate": ("fill rate", "share"),
    "stockout_days": ("days out of stock", "units"),
    "lost_units": ("lost units", "units"),
    "lost_money": ("lost sales", "money"),
}
# the first ones are kept where there is little room
IN_A_TABLE = ("turnover", "service_level", "lost_money", "holding_cost", "days_of_supply", "sales_units", "stock_units")


@click.command("kpis")
@asking
@click.option("--by", type=click.Choice(BY), default="total", show_default=True, help="A line for each.")
@click.option("--first", type=DAY, metavar="DATE", help="The first day that counts.")
@click.option("--last", type=DAY, metavar="DATE", help="The last day that counts [the end of history].")
@click.option("--rows", type=click.IntRange(min=0), default=40, show_default=True, help="Of the table, at most.")
@click.option("--csv", "csv_file", type=FILE, metavar="FILE", help="Write all figures here, as CSV.")
@common
@pass_output
def command(
    output: Output,
    tenant: str | None,
    url: str | None,
    key: str | None,
    by: str,
    first: datetime | None,
    last: datetime | None,
    rows: int,
    csv_file: Path | None,
) -> None:
    """How the stock has done: turnover, holding cost, service level, stockouts, what was lost by them.

    Without TENANT, the business that the key is of.

    \b
    Examples:
      invplat query kpis corner-shop
      invplat query kpis corner-shop --by category --csv kpis.csv
    """
    with service(output, url, key) as client:
        answer = client.kpis(tenant, by=by, first=first, last=last)
    if csv_file is not None:
        from invplat.cli.query import written

        columns = ["group", "series", "stock_known", *FIGURES]
        lines = [[one.get(name) for name in columns] for one in answer["kpis"]]
        written.tell(output, written.write_csv(csv_file, columns, lines), len(lines))
    output.result(answer, table=lambda: _draw(output, answer, rows) if csv_file is None else None)


def _draw(output: Output, answer: Mapping[str, Any], rows: int) -> None:
    from invplat.cli.query.drawn import Column, draw, more
    from invplat.core.page.wording import day, harmless

    found: Sequence[Mapping[str, Any]] = answer["kpis"]
    click.echo(f"{answer['tenant']} · {day(answer['first'])} – {day(answer['last'])}, {answer['days']:,} days")
    if answer.get("by") == "total" and len(found) == 1:
        lines = [[label, _cell(found[0], name)] for name, (label, _) in FIGURES.items()]
        draw([Column("figure", "left"), Column("value")], lines)
    else:
        named = [Column(str(answer.get("by") or "group"), "left", cut=True), Column("series", spare=9)]
        columns = [*named, *(Column(FIGURES[name][0], spare=place) for place, name in enumerate(IN_A_TABLE))]
        shown = found[:rows]
        draw(
            columns,
            [[one.get("group"), f"{one['series']:,}", *(_cell(one, name) for name in IN_A_TABLE)] for one in shown],
        )
    if len(found) > rows:
        click.echo(more(len(found), rows))
    for note in answer.get("notes") or ():
        output.note(f"- {harmless(str(note))}")


def _cell(one: Mapping[str, Any], name: str) -> str | None:
    from invplat.cli.query.drawn import money, units

    value, kind = one.get(name), FIGURES[name][1]
    if value is None:
        return None
    return f"{value:.1%}" if kind == "share" else money(value) if kind == "money" else units(value)
