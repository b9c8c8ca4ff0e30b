"""`invplat config`: what is set and by whom. Secrets are never shown."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output
from invplat.core.settings import NAMES, hide_secrets


@click.group()
@common
def group() -> None:
    """What is set, and where each value comes from.

    \b
    Example:
      invplat config show
    """


@group.command()
@common
@pass_output
def show(output: Output) -> None:
    """Show each setting and where it comes from.

    A flag wins over an environment variable, that over invplat.toml (first the one in the working folder, then the
    one in the home folder), that over the default. Passwords are shown as ***.

    \b
    Example:
      INVPLAT_STORAGE_URL=s3://bucket/stores invplat config show
    """
    settings = output.settings
    rows = []
    for name in NAMES:
        value = getattr(settings, name)
        rows.append((name, None if value is None else hide_secrets(str(value)), settings.origins[name]))
    output.result(
        {name: {"value": value, "from": origin.kind, "where": origin.where or None} for name, value, origin in rows},
        table=lambda: output.table(
            [(name, value or "none: work runs here", str(origin)) for name, value, origin in rows],
            ("setting", "value", "from"),
        ),
    )
