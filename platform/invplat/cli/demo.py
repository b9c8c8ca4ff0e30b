"""`invplat demo`: the whole journey on made-up businesses, by the very commands that a person would type.

Knows the commands' names and options only; each is shown before it runs, so that it can be copied.
"""

from __future__ import annotations

import shlex

import click

from invplat.cli.output import Output, common, pass_output

STUDY = "demo"
LITTLE = ("--windows", "6000", "--spec", "past=28,horizon=14")  # enough to see it learn, little enough not to wait
BASE = "30000"  # windows that the base learns from
SERVE = True  # unless it is said


@click.command()
@click.option("--tenants", type=click.IntRange(1, 100), default=3, show_default=True, help="How many businesses.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another seed, another world.")
@click.option("--trials", type=click.IntRange(1), default=24, show_default=True, help="Of the search.")
@click.option("--epochs", type=click.IntRange(1), default=9, show_default=True, help="Of each training, at most.")
@click.option("--serve/--no-serve", default=SERVE, show_default=True, help="Serve them all, until Ctrl-C.")
@click.option("--once", is_flag=True, help="Serve them, ask for each once, and stop.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the service [any that is free].")
@common
@pass_output
def command(
    output: Output, tenants: int, seed: int, trials: int, epochs: int, serve: bool, once: bool, port: int
) -> None:
    """Make up a few businesses, ingest their files, describe one, search the base model's params for it, train a base
    on all but the last of them, adapt it to each, and serve them.

    Everything is kept under the home folder; running it again makes the same again, but the study, which is gone on
    with. With --json, one line a step.

    \b
    Examples:
      invplat --home ./demo demo
      invplat --home ./demo demo --once
    """
    world = output.settings.home / "world"
    sizes = {"tenants": tenants, "stores": 4, "skus": 60, "days": 730, "seed": seed}
    options = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
    _type(output, "data synth", *options, "--dirt", "--out", str(world))
    names = sorted(path.name for path in world.iterdir() if path.is_dir() and not path.name.startswith("_"))
    for name in names:
        _type(output, "data ingest", "--tenant", name, "--mapping", "generic", str(world / name))
    page = output.settings.home / f"{names[0]}.html"
    _type(output, "data describe", "--tenant", names[0], "--html", str(page))
    few = ("--epochs", str(epochs))
    if _there(output):
        _type(output, "tune", "mlp", "--resume", STUDY)
    else:
        size = ("--trials", str(trials), *few, *LITTLE)
        _type(output, "tune", "mlp", "--tenant", names[0], "--name", STUDY, *size)
    pooled = [word for name in names[: max(len(names) - 1, 1)] for word in ("--tenant", name)]
    _type(output, "train", "mlp", *pooled, "--from", STUDY, "--base", "--windows", BASE, *few)
    _type(output, "finetune submit", "--all", "--wait")
    _type(output, "models list", "--tenant", names[0])
    output.note(f"\n{len(names)} made-up businesses are in {output.settings.home}, pictures of one in {page}")
    output.note("next, your own files:")
    output.note("  invplat tenant add NAME --data FILES --mapping generic   (or first: invplat data suggest FILES)")
    output.note("  invplat finetune submit NAME --wait")
    if serve or once:
        deploying = ("--port", str(port), *(("--once",) if once else ("--key-for", names[0])))
        _type(output, "deploy", *deploying)


def _there(output: Output) -> bool:
    """An earlier demo's study."""
    from invplat.storage import open_storage
    from invplat.tune.record import names

    return STUDY in names(open_storage(output.settings.storage_url))


def _type(output: Output, words: str, *arguments: str) -> None:
    """Run a command as if it had been typed, with the flags that the demo itself was given."""
    output.note(f"\n$ invplat {words} {shlex.join(arguments)}")
    context = click.get_current_context()
    step: click.Command | None = context.find_root().command
    for word in words.split():
        assert isinstance(step, click.Group)  # the demo's own words, held by its test
        step = step.get_command(context, word)
    assert step is not None
    with step.make_context(words, list(arguments), parent=context) as below:
        step.invoke(below)
