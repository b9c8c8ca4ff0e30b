"""`invplat data mappings`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output


@click.command("mappings")
@click.argument("name", required=False)
@common
@pass_output
def command(output: Output, name: str | None) -> None:
    """List the built-in mappings; with NAME print that one, to copy and change.

    \b
    Example:
      invplat data mappings generic
    """
    from invplat.data.mapping import builtin_names, builtin_text, load_mapping

    if name is not None:
        load_mapping(name)  # refuses an unknown name with the nearest one
        output.result({"name": name, "toml": builtin_text(name)}, table=lambda: click.echo(builtin_text(name)))
        return
    found = [load_mapping(each) for each in builtin_names()]
    output.result(
        {"mappings": [{"name": each.name, "about": each.about, "frequency": each.frequency} for each in found]},
        table=lambda: output.table(
            [(each.name, each.frequency, " ".join(each.about.split())) for each in found],
            ("name", "frequency", "about"),
        ),
    )
