"""What `ingest` and `append` share: their options, the way from paths to sources, and how the outcome is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output
from invplat.cli.progress import Progress
from invplat.data.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from invplat.data.ingest import Options, Outcome
    from invplat.data.sources.base import Source

    Verb = Callable[..., Outcome]


def options(command: Any) -> Any:
    """Decorator: what is read, whose it is, and how."""
    tenant = click.option("--tenant", required=True, metavar="NAME", help="The business the files belong to.")
    return click.argument("paths", nargs=-1, required=True, metavar="PATH...")(tenant(how(command)))


def how(command: Any) -> Any:
    """Decorator: how it is read."""
    for option in reversed(
        (
            click.option(
                "--mapping",
                "mapping_name",
                default="generic",
                show_default=True,
                metavar="NAME|FILE",
                help="How their columns become ours.",
            ),
            click.option(
                "--workers",
                type=click.IntRange(min=0),
                default=0,
                metavar="N",
                help="Read with N Ray processes instead of here.",
            ),
            click.option(
                "--today",
                type=click.DateTime(["%Y-%m-%d"]),
                metavar="DATE",
                help="Facts after this date are refused [today].",
            ),
        )
    ):
        command = option(command)
    return command


def read(output: Output, verb: Verb, tenant: str, paths: Sequence[str], how: tuple[str, int, Any]) -> Outcome:
    """`ingest` or `append` files of a business; `how`: mapping, workers and today."""
    from invplat.core.names import check_tenant
    from invplat.data.mapping import load_mapping
    from invplat.storage import open_storage

    mapping_name, workers, today = how
    check_tenant(tenant)
    mapping = load_mapping(mapping_name)
    storage = open_storage(output.settings.storage_url)
    with running(output, workers, today) as options:
        return verb(storage, tenant, mapping, find_sources(paths), options)


def register(output: Output, outcome: Outcome) -> None:
    """The business and its dataset. Opened only now, so that what can't be read leaves nothing anywhere."""
    from invplat.cli.sight import register_dataset
    from invplat.core.errors import DatabaseError

    try:
        with output.database() as database:
            register_dataset(database, outcome.manifest)
    except DatabaseError as error:
        made = f"version {outcome.manifest.version} of {outcome.manifest.tenant}'s dataset is kept, but not registered"
        raise DatabaseError(f"{made}: {error.message}", hint="run the command again: it will only register") from error


def find_sources(paths: Sequence[str]) -> list[tuple[Source, str | None]]:
    """Files, folders and URLs, each with the table the person named for it: `sales=march.csv`."""
    from difflib import get_close_matches

    from invplat.core.errors import MappingError
    from invplat.core.settings import hide_secrets
    from invplat.data.sources.locate import locate

    found: list[tuple[Source, str | None]] = []
    for path in paths:
        table, separator, rest = path.partition("=")
        named = bool(separator) and table in TABLES
        meant = table.isidentifier() and not Path(path).exists() and ("://" in rest or Path(rest).exists())
        if separator and not named and meant:
            near = get_close_matches(table, TABLES, n=1)
            hint = f"did you mean {near[0]}={rest}?" if near else f"tables: {', '.join(TABLES)}"
            what = f"there is no table {table!r} to read {rest} into"
            raise MappingError(hide_secrets(what), hint=hide_secrets(hint))
        found += [(source, table if named else None) for source in locate([rest if named else path])]
    return found


class Phases:
    """One progress bar after another, as the work moves from phase to phase."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self._label = ""
        self._step: Progress | None = None
        self._open = ExitStack()

    def __enter__(self) -> Phases:
        return self

    def __exit__(self, *trouble: Any) -> None:
        self._open.__exit__(*trouble)  # a phase that broke must not claim its end

    def tell(self, label: str, done: float, total: float | None) -> None:
        if label != self._label or self._step is None:
            self._open.close()
            self._label = label
            self._step = self._open.enter_context(self.output.progress(total, label))
        self._step.at(done, total)


@contextmanager
def running(output: Output, workers: int, today: Any) -> Iterator[Options]:
    from invplat.data.ingest import Options

    with Phases(output) as phases:
        yield Options(
            workers=workers,
            address=output.settings.address,
            today=today.date() if today is not None else None,
            progress=phases.tell,
        )


def show(output: Output, outcome: Outcome) -> None:
    """The figures of this run; for machines, all of them."""
    from dataclasses import asdict

    manifest = outcome.manifest
    for note in outcome.notes:
        output.note(note)
    summary = {
        **manifest.summary(),
        **asdict(outcome.counts),
        "rows_replaced": outcome.rows_replaced,
        "changed": outcome.changed,
        "tenant": manifest.tenant,
        "tables": {name: asdict(counts) for name, counts in outcome.tables.items()},
        "rules": outcome.rules,
        "total": asdict(manifest.counts),
        "content_hash": manifest.content_hash,
        "notes": outcome.notes,
    }
    output.result(summary, table=lambda: _draw(output, outcome))


def _draw(output: Output, outcome: Outcome) -> None:
    from invplat.data.rules import ALL, QUARANTINE

    manifest = outcome.manifest
    rows: list[Sequence[object]] = [
        (name, counts.rows_in, counts.rows_kept, counts.rows_merged, counts.rows_quarantined)
        for name, counts in outcome.tables.items()
    ]
    if len(rows) > 1:
        total = outcome.counts
        rows.append(("together", total.rows_in, total.rows_kept, total.rows_merged, total.rows_quarantined))
    output.table(rows, ("table", "rows in", "kept", "merged", "quarantined"))
    found = [(rule.split(".", 1)[0], rule.split(".", 1)[1], count) for rule, count in outcome.rules.items()]
    if found:
        found.sort(key=lambda row: (row[1] not in QUARANTINE, -row[2]))
        output.table(
            [(table, ALL.get(rule, rule), count) for table, rule, count in found[:15]],
            ("table", "what was found", "rows"),
        )
    verb = "is" if not outcome.changed else "now is"
    click.echo(
        f"{manifest.tenant} {verb} at version {manifest.version}: {len(manifest.stores):,} stores, "
        f"{manifest.series:,} series, {manifest.start} to {manifest.end}"
    )
    if outcome.counts.rows_quarantined:
        click.echo(f"see what could not be used: invplat data quarantine --tenant {manifest.tenant}")
