"""What every question shares: where the service is, the key, which series, what if, and where the answer goes. Knows no
question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output

if TYPE_CHECKING:
    from invplat.client import Client

PATIENCE = 5.0  # seconds; a person looks on
FILE = click.Path(dir_okay=False, path_type=Path)
LEVEL = click.FloatRange(0, 1, min_open=True, max_open=True)


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


asking = _options(
    click.argument("tenant", required=False, metavar="[TENANT]"),
    click.option("--url", envvar="INVPLAT_URL", metavar="URL", help="Of the service [INVPLAT_URL, or the one here]."),
    click.option("--key", envvar="INVPLAT_KEY", metavar="KEY", help="Better in the environment: INVPLAT_KEY."),
)
choosing = _options(
    click.option("--store", "stores", multiple=True, metavar="NAME", help="Only this store; repeatable."),
    click.option("--sku", "skus", multiple=True, metavar="NAME", help="Only this SKU; repeatable."),
    click.option("--category", "categories", multiple=True, metavar="NAME", help="Only this category; repeatable."),
    click.option(
        "--as-of",
        type=click.DateTime(["%Y-%m-%d"]),
        metavar="DATE",
        help="The last day that counts as known [the end of history].",
    ),
    click.option("--promotion/--no-promotion", default=None, help="What if all were on promotion, or nothing."),
    click.option(
        "--price-change",
        type=click.FloatRange(-1, 10, min_open=True),
        metavar="SHARE",
        help="What if prices were so much higher: -0.1 is a tenth less.",
    ),
)
writing = _options(
    click.option("--rows", type=click.IntRange(min=0), default=40, show_default=True, help="Of the table, at most."),
    click.option("--csv", "csv_file", type=FILE, metavar="FILE", help="Write the whole answer here, as CSV."),
    click.option("--arrow", "arrow_file", type=FILE, metavar="FILE", help="Write the whole answer here, as Arrow."),
)


@dataclass(frozen=True)
class Question:
    """Which series of whom, when, and what if."""

    tenant: str | None
    url: str | None
    key: str | None
    stores: tuple[str, ...]
    skus: tuple[str, ...]
    categories: tuple[str, ...]
    as_of: datetime | None
    promotion: bool | None
    price_change: float | None

    def fields(self) -> dict[str, Any]:
        """Of a request."""
        what_if = {"promotion": self.promotion, "price_change": self.price_change}
        return {
            "stores": list(self.stores) or None,
            "skus": list(self.skus) or None,
            "categories": list(self.categories) or None,
            "as_of": None if self.as_of is None else self.as_of.date(),
            "what_if": {name: value for name, value in what_if.items() if value is not None} or None,
        }


@dataclass(frozen=True)
class Sheet:
    """Where the answer goes besides the screen, and how much of it is on that."""

    rows: int
    csv_file: Path | None
    arrow_file: Path | None


def of_series(command: Callable[..., None]) -> Callable[..., None]:
    """A command that asks about series: what all of these can be told comes to it as a `question` and a `sheet`."""

    @wraps(command)
    def gathered(output: Output, **given: Any) -> None:
        question, sheet = (
            kind(**{each.name: given.pop(each.name) for each in fields(kind)}) for kind in (Question, Sheet)
        )
        command(output, question, sheet, **given)

    return gathered


def answered(
    output: Output,
    question: Question,
    sheet: Sheet,
    ask: Callable[[Client], Callable[..., Any]],
    lines: Callable[[Mapping[str, Any]], tuple[Sequence[str], Sequence[Sequence[Any]]]],
    drawn: Callable[[Mapping[str, Any]], None],
    **asked: Any,
) -> None:
    """`ask`: which method of the client answers; `lines`: the answer as columns and rows of a file."""
    from invplat.cli.query import written

    with service(output, question.url, question.key) as client:
        if sheet.arrow_file is not None:
            table = ask(client)(question.tenant, as_table=True, **asked)
            written.tell(output, written.write_arrow(sheet.arrow_file, table), len(table))
            if sheet.csv_file is None:
                output.result({"file": sheet.arrow_file, "rows": len(table)}, table=lambda: None)
                return
        answer = ask(client)(question.tenant, **asked)
    if sheet.csv_file is not None:
        columns, rows = lines(answer)
        written.tell(output, written.write_csv(sheet.csv_file, columns, rows), len(rows))
    output.result(answer, table=lambda: drawn(answer) if sheet.csv_file is None else None)


@contextmanager
def service(output: Output, url: str | None, key: str | None) -> Iterator[Client]:
    from invplat.cli import running
    from invplat.core.errors import SettingRefused

    if not key:
        raise SettingRefused(
            "no key was given",
            hint="make one: invplat tenant key create NAME; then set INVPLAT_KEY to it, or give --key",
        )
    where = url or running.url_of(output.settings.home)
    from invplat.client import Client

    with Client(where, key, patience=PATIENCE) as client:
        yield client


def headline(answer: Mapping[str, Any]) -> str:
    """Whose, by which model, of when."""
    from invplat.core.page.wording import day, harmless

    model = answer.get("model") or {}
    said = [harmless(str(answer.get("tenant") or "")), f"by {model.get('reference', 'its model')}"]
    said[1] += ", the base" if model.get("base") else ""
    if answer.get("as_of"):
        said.append(f"known until {day(str(answer['as_of'])[:10])}")
    return " · ".join(part for part in said if part)
