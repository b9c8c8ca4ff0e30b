"""From a business's files to a dataset: `ingest` makes a version of just these, `append` adds them to the newest.

Both are all or nothing, and the same files again change nothing. How it is done is told in `intake`.
"""

from __future__ import annotations

from collections.abc import Sequence

from invplat.core.errors import Conflict, MappingError
from invplat.data.dataset import Dataset, versions
from invplat.data.intake.account import Outcome
from invplat.data.intake.run import Options, Overtaken, Run
from invplat.data.manifest import Counts
from invplat.data.mapping import Mapping
from invplat.data.sources.base import Source
from invplat.storage import Storage

TRIES = 5  # to append beside other writers


def ingest(
    storage: Storage,
    tenant: str,
    mapping: Mapping,
    sources: Sequence[tuple[Source, str | None]],
    options: Options | None = None,
) -> Outcome:
    """A new version that holds exactly these sources."""
    there = versions(storage, tenant)
    newest = Dataset.open(storage, tenant).manifest if there else None
    run = Run(storage, tenant, mapping, sources, options or Options(), None)
    if newest is not None and newest.mapping_hash == mapping.hash and newest.parent is None:
        prints = {job.fingerprint for job in run.plan.jobs}
        if "" not in prints and prints == {record.fingerprint for record in newest.sources}:
            run.notes.append(f"version {newest.version} already holds exactly these files; nothing to do")
            return Outcome(
                newest,
                newest.counts,
                changed=False,
                notes=run.notes,
                tables={name: record.counts for name, record in newest.tables.items()},
                rules=newest.rules,
            )
    if newest is not None:
        run.notes.append(
            f"the new version holds only these files; version {newest.version} stays, and `data append` would add to it"
        )
    return run.go()


def append(
    storage: Storage,
    tenant: str,
    mapping: Mapping,
    sources: Sequence[tuple[Source, str | None]],
    options: Options | None = None,
) -> Outcome:
    """The newest version and these sources; of two rows with one key the newer delivery counts."""
    for _ in range(TRIES):
        parent = Dataset.open(storage, tenant)
        if parent.frequency != mapping.frequency:
            raise MappingError(
                f"mapping {mapping.name} is {mapping.frequency}, tenant {tenant}'s dataset is {parent.frequency}",
                hint="append with a mapping of the same frequency, or make a new dataset with `data ingest`",
            )
        run = Run(storage, tenant, mapping, sources, options or Options(), parent)
        if not run.plan.jobs:
            run.notes.append("nothing new: every file is in the dataset already")
            return Outcome(parent.manifest, Counts(), changed=False, notes=run.notes)
        try:
            return run.go()
        except Overtaken:
            continue
    raise Conflict(
        f"others kept writing to tenant {tenant}'s dataset", hint="run the command again; nothing was changed"
    )


__all__ = ["Options", "Outcome", "append", "ingest"]
