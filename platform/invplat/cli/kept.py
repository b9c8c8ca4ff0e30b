"""What training and tuning have made, kept: the bytes first, then the row, so that hours of work never hang on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invplat.core.errors import DatabaseError, Unknown

if TYPE_CHECKING:
    from invplat.cli.output import Output
    from invplat.registry.bundle import Bundle
    from invplat.registry.versions import Version
    from invplat.storage import Storage
    from invplat.tune.study import Study


def keep_registered(
    output: Output, storage: Storage, tenant: str | None, name: str, bundle: Bundle, *, study: str | None
) -> Version:
    from invplat.registry import versions

    made = versions.stored(storage, tenant, name, bundle, study=study)
    try:
        with output.database() as database:
            for registered in versions.register(database, [made]):
                return registered
    except DatabaseError as error:
        output.note(f"- {made.reference} is kept, but not registered yet: {error.message}")
        output.note("  it will be when it is next looked at: invplat models list")
        return made
    storage.remove(str(made.prefix))
    raise Unknown(f"tenant {tenant} was removed meanwhile", hint="nothing was kept")


def register_study(output: Output, study: Study, where: str) -> None:
    """As it stands now; its record is what counts, so a registry that is down stops nobody."""
    from invplat.registry import studies

    best = study.value(study.best) if study.best else None
    row = studies.StudyRow(study.plan.name, study.plan.workload, where, study.metric, best, len(study.finished))
    try:
        with output.database() as database:
            studies.put(database, row)
    except DatabaseError as error:
        output.note(f"- study {row.name} is not registered: {error.message}")
