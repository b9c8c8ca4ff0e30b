"""Studies that the registry knows: what was searched, where its record is, the best it found. The operator's calls."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import sqlalchemy as sa

from invplat.core.errors import Unknown
from invplat.core.names import check_study
from invplat.registry.database import Database
from invplat.registry.rows import inserted, now
from invplat.registry.tables import STUDIES


@dataclass(frozen=True)
class StudyRow:
    name: str
    workload: str
    place: str  # the URL of the storage that its record is in
    metric: str
    best: float | None
    trials: int
    changed: str = field(default_factory=now)


def put(database: Database, study: StudyRow) -> None:
    """As it stands now."""
    check_study(study.name)
    row = asdict(study)
    rest = {name: value for name, value in row.items() if name != "name"}

    def work(connection: sa.Connection) -> None:
        new = inserted(connection, STUDIES).values(**row)
        connection.execute(new.on_conflict_do_update(index_elements=[STUDIES.c.name], set_=rest))

    database.write(work, repeatable=True)


def get(database: Database, name: str) -> StudyRow:
    found = [study for study in listed(database) if study.name == name]
    if not found:
        raise Unknown(f"the registry has no study {name[:63]!r}", hint="see them: invplat studies list")
    return found[0]


def listed(database: Database) -> list[StudyRow]:
    query = sa.select(STUDIES).order_by(STUDIES.c.name)
    return database.read(lambda connection: [StudyRow(**row._mapping) for row in connection.execute(query)])
