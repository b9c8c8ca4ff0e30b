"""How `invplat tune` leads a study to its end, or leaves it fit to be gone on with, and tells what came of it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from invplat.cli.output import Output
from invplat.cli.tuning import Live
from invplat.core.errors import Interrupted, InvplatError, StorageError

if TYPE_CHECKING:
    from invplat.core.space import Params
    from invplat.train.material import Material
    from invplat.tune.place import Place
    from invplat.tune.plan import StudyPlan
    from invplat.tune.record import Record
    from invplat.tune.study import Study


def again(plan: StudyPlan, place: Place, storage: str | None) -> str:
    """The command that goes on with the study."""
    words = ["invplat", "tune", plan.workload, "--resume", plan.name]
    words += ["--storage", storage] if storage else []
    words += ["--address", place.address] if place.address else []
    words += ["--in-process"] if place.in_process else []
    words += ["--gpus"] if place.gpus else []
    return shlex.join(words)


def lead(
    output: Output,
    record: Record,
    material: Material,
    place: Place,
    first: Sequence[Params],
    budget: float | None,
    storage: str | None,
) -> Study:
    """`first`: params that other studies found best. `storage`: the study's own, where one was named."""
    from invplat.tune.driver import Driver
    from invplat.tune.search import search_of
    from invplat.tune.sent import Sent
    from invplat.tune.study import Study

    plan, finished = record.plan, record.finished()
    resume = again(plan, place, storage)
    task = Sent.of(material, plan.metrics)
    width = place.width(task, plan, output.settings.home / "widths.json")
    search = search_of(plan, width, told=finished, asked=record.asked_packs(), warm=first)
    live = Live(output)
    driver = Driver(plan, search, record, finished=finished, budget=budget, watch=live)
    _begin(output, driver.total, len(finished), record)
    if not material.workload.fusable:
        output.note(f"- nets of {plan.workload} can't be trained as one program: each trial is a fit of its own")
    try:
        place.run(driver, task)
        record.write_table()
    except KeyboardInterrupt:
        live.end()
        with suppress(StorageError):
            record.write_table()
        raise Interrupted(
            f"interrupted: {len(driver.finished):,} of {driver.total:,} trials are kept", hint=f"go on with: {resume}"
        ) from None
    except StorageError as error:
        live.end()
        hint = f"{error.hint}; " if error.hint else ""
        raise type(error)(
            error.message,
            hint=f"{hint}{len(driver.finished):,} of {driver.total:,} trials are kept, go on with: {resume}",
        ) from error
    live.end()
    return Study.of(plan, driver.finished, storage)


def _begin(output: Output, total: int, ended: int, record: Record) -> None:
    plan = record.plan
    tenants = ", ".join(tenant for tenant, _ in plan.datasets)
    kept = f", of which {ended:,} are there" if ended else ""
    output.note(f"study {plan.name}: {plan.search} search, {total:,} trials of {plan.workload} on {tenants}{kept}")


def tell(output: Output, study: Study, record: Record, out: Path | None) -> None:
    from invplat.cli.kept import register_study
    from invplat.cli.studies import draw_study
    from invplat.tune.boards import track
    from invplat.tune.written import write_study

    folder = out or output.settings.home / "reports" / "studies" / study.plan.name
    files = write_study(study, folder) if study.finished else []
    if said := track(study):
        output.note(said)
    where = f"{record.storage.url}/{record.prefix}"
    register_study(output, study, where)

    def draw() -> None:
        draw_study(output, study)
        if files:
            click.echo(f"the report is {files[0]}, the study is kept in {where}")

    output.result({**study.to_json(), "where": where, "files": [str(path) for path in files]}, table=draw)
    if study.best is None:
        reasons = Counter(trial.why for trial in study.finished).most_common(1)
        why = f"most often: {reasons[0][0]}" if reasons else "the time was over before the first ended"
        raise InvplatError(
            f"none of {len(study.finished):,} trials came to a value; {why}",
            hint="a longer --time-budget, a narrower --space or more history may help",
        )
