"""`invplat data quarantine`."""

from __future__ import annotations

from pathlib import Path

import click

from invplat.cli.output import Output, common, pass_output


@click.command("quarantine")
@click.option("--tenant", required=True, metavar="NAME", help="Whose dataset.")
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="Which version [the newest].")
@click.option("--repairs", is_flag=True, help="Show the repaired rows instead.")
@click.option("--reason", metavar="RULE", help="Only rows of this reason, such as unparsable_date.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Rows shown.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all of them here as CSV.",
)
@common
@pass_output
def command(
    output: Output,
    tenant: str,
    version: int | None,
    repairs: bool,
    reason: str | None,
    limit: int,
    csv_file: Path | None,
) -> None:
    """List the rows that could not be used: file, row, column, value and reason.

    \b
    Example:
      invplat data quarantine --tenant corner-shop --csv to-mend.csv
    """
    from difflib import get_close_matches

    import pyarrow.compute as pc
    import pyarrow.csv

    from invplat.core.errors import SettingRefused
    from invplat.data.dataset import Dataset
    from invplat.data.rules import ALL
    from invplat.storage import open_storage

    if reason is not None and reason not in ALL:
        near = get_close_matches(reason, ALL, n=1)
        raise SettingRefused(
            f"there is no reason {reason!r}", hint=f"did you mean {near[0]}?" if near else f"reasons: {', '.join(ALL)}"
        )
    dataset = Dataset.open(open_storage(output.settings.storage_url), tenant, version)
    rows = dataset.repairs() if repairs else dataset.quarantine()
    if reason is not None:
        rows = rows.filter(pc.equal(rows.column("reason"), reason))
    if csv_file is not None:
        pyarrow.csv.write_csv(rows, csv_file)
        output.note(f"{rows.num_rows:,} rows written to {csv_file}")
    shown = rows.slice(0, limit).to_pylist()

    def draw() -> None:
        if rows.num_rows == 0:
            click.echo("none")
            return
        output.table(
            [(row["file"], row["row"], row["column"], row["value"], row["reason"]) for row in shown],
            ("file", "row", "column", "value", "reason"),
        )
        if rows.num_rows > limit:
            click.echo(f"{limit} of {rows.num_rows:,}; --csv FILE writes them all, --limit N shows more")

    output.result({"tenant": tenant, "version": dataset.version, "rows": rows.num_rows, "shown": shown}, table=draw)
