"""`invplat query model`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from invplat.cli.output import Output, common, pass_output, shown
from invplat.cli.query.asking import asking, service

MOST = 60  # lines; --json tells all


@click.command("model")
@asking
@common
@pass_output
def command(output: Output, tenant: str | None, url: str | None, key: str | None) -> None:
    """Which model answers for a business, how good it is, where it comes from, and what the gate said.

    Without TENANT, the business that the key is of.

    \b
    Example:
      invplat query model corner-shop
    """
    with service(output, url, key) as client:
        answer = client.model(tenant)
    output.result(answer, table=lambda: _draw(answer))


def _draw(answer: Mapping[str, Any]) -> None:
    from invplat.core.page.wording import harmless, short

    lines = list(_lines(answer, ""))
    width = max((len(name) for name, _ in lines), default=0)
    for name, value in lines[:MOST]:
        click.echo(f"{name:<{width}}  {short(harmless(value), 200)}")
    if len(lines) > MOST:
        click.echo(f"… and {len(lines) - MOST:,} more: --json tells all")


def _lines(content: Mapping[str, Any], within: str) -> Iterator[tuple[str, str]]:
    """A line a figure, named by where it stands; of what is a list of things, only how many."""
    for name, value in content.items():
        place = f"{within}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _lines(value, f"{place} ")
        elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
            yield place, f"{len(value):,}"
        else:
            yield place, shown(value) or "–"
