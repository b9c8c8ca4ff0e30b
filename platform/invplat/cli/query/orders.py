"""`invplat query orders`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from invplat.cli.output import Output, common, pass_output
from invplat.cli.query.asking import (
    FILE,
    LEVEL,
    Question,
    Sheet,
    answered,
    asking,
    choosing,
    headline,
    of_series,
    writing,
)
from invplat.cli.query.drawn import Column, draw, money, more, risk, units

POSITIVE = click.FloatRange(0, min_open=True)
COLUMNS = (
    Column("store", "left", cut=True),
    Column("sku", "left", cut=True),
    Column("order"),
    Column("risk"),
    Column("at risk"),
    Column("on hand", spare=1),
    Column("on order", spare=4),
    Column("order at", spare=3),
    Column("up to", spare=5),
    Column("cost", spare=2),
    Column("look at", "left"),
)
FLAGS = {"stockout": "stockout", "overstock": "too much", "stale": "old data", "stock_unknown": "stock unknown"}


@click.command("orders")
@asking
@choosing
@click.option("--stock", type=FILE, metavar="FILE", help="CSV: store, sku, on_hand, on_order, lead_time, pack, …")
@click.option("--service", "service_level", type=LEVEL, metavar="SHARE", help="Chance of no stockout, such as 0.95.")
@click.option("--lead-time", type=click.FloatRange(0, 366), metavar="N", help="Periods until an order arrives.")
@click.option("--review", type=click.IntRange(1, 366), metavar="N", help="Periods from one order to the next.")
@click.option("--holding", type=POSITIVE, metavar="COST", help="Of a unit kept for a period.")
@click.option("--shortage", type=POSITIVE, metavar="COST", help="Of a unit that lacks, in place of --service.")
@click.option("--budget", type=click.FloatRange(0), metavar="MONEY", help="All orders together cost no more.")
@click.option("--only-orders", is_flag=True, help="Leave out what needs no order.")
@click.option("--why", is_flag=True, help="Say of each order why.")
@writing
@common
@pass_output
@of_series
def command(
    output: Output,
    question: Question,
    sheet: Sheet,
    stock: Path | None,
    service_level: float | None,
    lead_time: float | None,
    review: int | None,
    holding: float | None,
    shortage: float | None,
    budget: float | None,
    only_orders: bool,
    why: bool,
) -> None:
    """What to order today: the most money at risk first.

    Stock and terms come from FILE, else from the business's data; what is given here holds for items of which FILE
    says nothing. Without TENANT, the business that the key is of.

    \b
    Examples:
      invplat query orders corner-shop --only-orders --why
      invplat query orders corner-shop --stock stock.csv --service 0.98 --budget 5000 --csv orders.csv
    """
    asked = {
        **question.fields(),
        "service": service_level,
        "lead_time": lead_time,
        "review": review,
        "holding": holding,
        "shortage": shortage,
        "budget": budget,
        "only_orders": only_orders or None,
    }
    if stock is not None:
        asked |= _items(stock, question)

    def show(answer: Mapping[str, Any]) -> None:
        _draw(output, answer, sheet.rows, why)

    answered(output, question, sheet, lambda client: client.orders, _lines, show, **asked)


def _items(path: Path, question: Question) -> dict[str, Any]:
    """The file's items, of the stores and SKUs that were named; nothing else chooses any more."""
    from invplat.cli.query.stock import read_stock
    from invplat.core.errors import SourceError

    stores, skus = question.stores, question.skus
    if question.categories:
        raise click.UsageError("--stock names the items; --category can't choose among them")
    items = [
        item
        for item in read_stock(path)
        if (not stores or item.get("store") in stores) and (not skus or item.get("sku") in skus)
    ]
    if not items:
        raise SourceError(f"{path} has no item that was asked for", hint="look at its columns store and sku")
    return {"series": items, "stores": None, "skus": None}


def _lines(answer: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    found = answer["orders"]
    columns = list(found[0]) if found else ["store", "sku", "order"]
    return columns, [[one.get(name) for name in columns] for one in found]


def _draw(output: Output, answer: Mapping[str, Any], rows: int, why: bool) -> None:
    from invplat.core.page.wording import harmless

    click.echo(headline(answer))
    found = sorted(answer["orders"], key=lambda one: (-(one.get("money_at_risk") or 0), -(one.get("order") or 0)))
    if not found:
        click.echo("nothing is to be ordered")
    else:
        draw(
            COLUMNS, [_row(one) for one in found[:rows]], [str(one.get("reason") or "") for one in found] if why else ()
        )
    if len(found) > rows:
        click.echo(more(len(found), rows))
    totals = answer.get("totals") or {}
    if totals:
        click.echo("\n" + _sum(totals))
    for note in answer.get("notes") or ():
        output.note(f"- {harmless(str(note))}")


def _row(one: Mapping[str, Any]) -> list[str | None]:
    sums = [risk(one.get("stockout_risk")), money(one.get("money_at_risk"))]
    amounts = [units(one.get(name)) for name in ("on_hand", "on_order", "reorder_point", "order_up_to")]
    flags = ", ".join(FLAGS.get(name, str(name)) for name in one.get("exceptions") or ())
    return [
        one.get("store"),
        one.get("sku"),
        units(one["order"]),
        *sums,
        *amounts,
        money(one.get("order_value")),
        flags,
    ]


def _sum(totals: Mapping[str, Any]) -> str:
    from invplat.core.page.wording import plural

    parts = [f"{plural(totals.get('orders') or 0, 'order')} of {plural(totals.get('items') or 0, 'item')}"]
    parts.append(f"{units(totals.get('units') or 0)} units")
    parts += [f"for {money(totals['value'])}"] if totals.get("value") is not None else []
    parts += [f"{money(totals['money_at_risk'])} at risk"] if totals.get("money_at_risk") is not None else []
    if totals.get("budget") is not None:
        parts.append(f"{money(totals.get('spent') or 0)} of {money(totals['budget'])} spent")
    return ", ".join(parts)
