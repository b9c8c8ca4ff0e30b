"""`invplat studies list` and `invplat studies show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.storage import Storage
    from invplat.tune.record import Record
    from invplat.tune.study import Study

SHOWN = 10  # trials, the best
COLUMNS = ("study", "workload", "tenants", "search", "trials", "state", "metric", "best")
WHERE = click.option("--storage", metavar="URL", help="Where studies are kept [where datasets are].")


@click.group("studies")
@common
def group() -> None:
    """The studies that `tune` has made: which there are, and what came of one.

    \b
    Example:
      invplat studies list
    """


@group.command("list")
@WHERE
@common
@pass_output
def list_command(output: Output, storage: str | None) -> None:
    """List all studies with how far they are and the best that they found.

    \b
    Example:
      invplat studies list
    """
    from invplat.storage import open_storage
    from invplat.tune.record import names

    kept = open_storage(storage or output.settings.storage_url)
    found = [_row(kept, name) for name in names(kept)]

    def draw() -> None:
        from invplat.tune.study import figure_text

        if not found:
            click.echo("there are no studies; begin one: invplat tune WORKLOAD --tenant NAME")
            return
        rows = [
            [
                row["study"],
                row["workload"],
                ", ".join(row["tenants"]),
                row["search"],
                f"{row['ended']:,} of {row['trials']:,}" if row["trials"] else None,
                row["state"],
                row["metric"],
                None if row["best"] is None else figure_text(row["best"]),
            ]
            for row in found
        ]
        output.table(rows, COLUMNS)
        for row in found:
            if row["trouble"]:
                output.note(f"{row['study']}: {row['trouble']}")

    output.result({"studies": found}, table=draw)


@group.command("show")
@click.argument("name", metavar="STUDY")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Write the report there."
)
@WHERE
@common
@pass_output
def show_command(output: Output, name: str, out: Path | None, storage: str | None) -> None:
    """Show what came of a study: the best params, the leaderboard, what matters and the next command.

    With --out also as a page with pictures, a table of all trials and TensorBoard's event files.

    \b
    Examples:
      invplat studies show mlp-20260301-091500
      invplat studies show mlp-20260301-091500 --out report
    """
    from invplat.storage import open_storage
    from invplat.tune.record import Record
    from invplat.tune.study import Study

    record = Record.open(open_storage(storage or output.settings.storage_url), name)
    study = Study.of(record.plan, record.finished(), storage)
    files: list[str] = []
    if out is not None:
        from invplat.tune.written import write_study

        files = [str(path) for path in write_study(study, out)]
    content = {**study.to_json(), "state": _state(record, study), "files": files}

    def draw() -> None:
        draw_study(output, study)
        if files:
            click.echo(f"the page is {files[0]}, with pictures, tables and TensorBoard's events beside it")

    output.result(content, table=draw)


def draw_study(output: Output, study: Study) -> None:
    """For people: the answer, the leaderboard, what matters, and how to go on."""
    from invplat.core.page.wording import number, percent, plural
    from invplat.tune.study import figure_text, measure, param_text
    from invplat.tune.verdict import resume_command, train_command, verdict

    found, metrics = verdict(study), study.plan.metrics
    click.echo(f"{found.finding}. {found.beside}".rstrip())
    varied = study.varied
    rows = [
        [
            trial.number,
            *(figure_text(study.value(trial, metric)) for metric in metrics),
            *(param_text(trial.params[name]) for name in varied),
            len(trial.validation),
            trial.state.value,
        ]
        for trial in study.ranked[:SHOWN]
    ]
    if rows:
        output.table(rows, ["trial", *(measure(metric).head for metric in metrics), *varied, "epochs", "state"])
    importance = study.importance()
    if importance.telling:
        shares = (f"{name} {percent(round(importance.shares[name].mean, 2))}" for name in importance.telling)
        click.echo(f"what decides the order of trials: {', '.join(shares)}")
    lost = [f"{count:,} {state.value}" for state, count in study.counts.items() if count]
    speed = f", {number(float(f'{study.rate:.3g}'))} trials a minute" if study.rate else ""
    click.echo(f"{plural(len(study.finished), 'trial')} of {study.asked:,}: {', '.join(lost) or 'none'}{speed}")
    if not study.complete:
        click.echo(f"go on with it: {resume_command(study)}")
    if study.best is not None:
        click.echo(f"train with the best: {train_command(study)}")


def _row(storage: Storage, name: str) -> dict[str, Any]:
    """One damaged study doesn't hide the others."""
    from invplat.core.errors import InvplatError
    from invplat.tune.record import Record
    from invplat.tune.study import Study

    row: dict[str, Any] = dict.fromkeys(("workload", "search", "trials", "ended", "state", "metric", "best", "trouble"))
    row |= {"study": name, "tenants": []}
    try:
        record = Record.open(storage, name)
        study = Study.of(record.plan, record.finished())
    except InvplatError as error:
        return row | {"state": "damaged", "trouble": error.message}
    plan = record.plan
    return row | {
        "workload": plan.workload,
        "tenants": [tenant for tenant, _ in plan.datasets],
        "search": plan.search,
        "trials": study.asked,
        "ended": len(study.finished),
        "state": _state(record, study),
        "metric": study.metric,
        "best": study.value(study.best) if study.best else None,
    }


def _state(record: Record, study: Study) -> str:
    leader = record.leader
    if leader is not None and leader.alive:
        return "running"
    return "complete" if study.complete else "cut short"
