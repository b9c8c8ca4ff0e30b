"""`invplat data suggest`."""

from __future__ import annotations

from pathlib import Path

import click

from invplat.cli.output import Output, common, pass_output


@click.command("suggest")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the mapping here instead of showing it.",
)
@common
@pass_output
def command(output: Output, paths: tuple[str, ...], out: Path | None) -> None:
    """Look at files and propose a mapping: which table each one is, and which of their columns is which of ours.

    \b
    Example:
      invplat data suggest exports/*.csv --out shop.toml
    """
    from invplat.data.sources.locate import locate
    from invplat.data.suggest import suggest

    suggestion = suggest(locate(paths))
    for line in suggestion.lines:
        output.note(line)
    if out is not None:
        out.write_text(suggestion.toml, encoding="utf-8")
        output.note(
            f"the mapping is {out}; use it: invplat data ingest --tenant NAME --mapping {out} {' '.join(paths)}"
        )
    output.result(
        {"complete": suggestion.complete, "builtin": suggestion.builtin, "toml": suggestion.toml},
        table=(lambda: None) if out is not None else (lambda: click.echo(suggestion.toml)),
    )
