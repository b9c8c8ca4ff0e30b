"""`invplat demo`: the whole journey on made-up businesses, by the very commands that a person would type.

Knows the commands' names and options only; each is shown before it runs, so that it can be copied.
"""

from __future__ import annotations

import shlex

import click

from invplat.cli.output import Output, common, pass_output


@click.command()
@click.option("--tenants", type=click.IntRange(1, 100), default=3, show_default=True, help="How many businesses.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another seed, another world.")
@common
@pass_output
def command(output: Output, tenants: int, seed: int) -> None:
    """Make up a few businesses, ingest their files and describe one of them.

    Everything is kept under the home folder; running it again makes the same again. With --json, one line a step.

    \b
    Example:
      invplat --home ./demo demo
    """
    world = output.settings.home / "world"
    sizes = {"tenants": tenants, "stores": 4, "skus": 60, "days": 730, "seed": seed}
    options = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
    _type(output, "synth", *options, "--dirt", "--out", str(world))
    names = sorted(path.name for path in world.iterdir() if path.is_dir() and not path.name.startswith("_"))
    for name in names:
        _type(output, "ingest", "--tenant", name, "--mapping", "generic", str(world / name))
    page = output.settings.home / f"{names[0]}.html"
    _type(output, "describe", "--tenant", names[0], "--html", str(page))
    output.note(f"\n{len(names)} made-up businesses are in {output.settings.home}, pictures of one in {page}")
    output.note("next, your own files:")
    output.note("  invplat data ingest --tenant NAME --mapping generic FILES   (or first: invplat data suggest FILES)")


def _type(output: Output, name: str, *arguments: str) -> None:
    """Run a command as if it had been typed, with the flags that the demo itself was given."""
    from invplat.cli.data import group

    output.note(f"\n$ invplat data {name} {shlex.join(arguments)}")
    context = click.get_current_context()
    step = group.get_command(context, name)
    assert step is not None  # the demo's own words, held by its test
    with step.make_context(name, list(arguments), parent=context) as below:
        step.invoke(below)
