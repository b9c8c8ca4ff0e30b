"""The steps lead to the tables as they are written down, keep what is there, and run once, whoever comes at once."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from invplat.core.errors import DatabaseError
from invplat.registry import aliases, audit, datasets, jobs, keys, results, schema, tenants, versions
from invplat.registry.database import Database, open_database
from invplat.registry.tables import METADATA

LONG_AGO = "2026-01-02T03:04:05.000000+00:00"
# Opens the database that it is told of, and says at what version it is.
OPEN = """
import sys
from invplat.registry import schema
from invplat.registry.database import open_database
print(open_database(sys.argv[1]).read(schema.version))
"""


@pytest.fixture
def bare(url: str) -> Database:
    """Without tables."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir()
    return Database(url)


def test_the_steps_lead_to_the_tables_that_are_written_down(database: Database) -> None:
    def work(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        return list(compare_metadata(context, METADATA))

    assert database.read(work) == []
    assert database.read(schema.version) == schema.HEAD


def test_the_known_versions_are_those_on_disk() -> None:
    script = ScriptDirectory(str(Path(schema.__file__).with_name("migrations")))
    steps = [step.revision for step in script.walk_revisions()]
    assert tuple(reversed(steps)) == schema.KNOWN
    assert script.get_current_head() == schema.HEAD


def fill_the_first(connection: sa.Connection) -> None:
    """Rows as the first version had them, by words that know no later table."""
    there: list[tuple[str, dict[str, Any]]] = [
        ("tenants", {"name": "alpha", "created": LONG_AGO, "leaving": False}),
        ("tenants", {"name": "beta", "created": LONG_AGO, "leaving": False}),
        (
            "datasets",
            {"tenant": "alpha", "version": 1, "digest": "d1", "rows": 2**40, "quarantined": 3, "stores": 2}
            | {"series": 7, "first": "2025-01-01", "last": "2025-12-31", "frequency": "daily", "mapping": "généric"}
            | {"parent": None, "code": "0.1", "made": LONG_AGO},
        ),
        (
            "keys",
            {
                "id": "k1",
                "tenant": "alpha",
                "digest": "x" * 64,
                "scopes": "tenant:read",
                "label": "",
                "created": LONG_AGO,
            },
        ),
        ("audit", {"at": LONG_AGO, "actor": "somebody", "action": "tenant.add", "tenant": "alpha", "subject": "alpha"}),
    ]
    for number in (1, 2):
        model = {"id": f"m{number}", "tenant": "alpha", "name": "mlp", "number": number, "workload": "mlp"}
        model |= {"prefix": f"tenants/alpha/models/mlp/0000000{number}", "digest": "s", "size": 10, "code": "0.1"}
        model |= {"params": json.dumps({"rate": 0.5}), "metrics": "{}", "lineage": "{}", "made": LONG_AGO}
        there.append(("models", model))
    there.append(("model_datasets", {"model": "m1", "place": 0, "tenant": "alpha", "version": 1, "digest": "d1"}))
    for alias, model_id in (("champion", "m2"), ("previous", "m1")):
        row = {"tenant": "alpha", "workload": "mlp", "alias": alias, "model": model_id, "changed": LONG_AGO}
        there.append(("aliases", row))
    for number, state in enumerate(("done", "failed", "running")):
        job = {"id": f"j{number}", "kind": "finetune", "digest": f"g{number}", "state": state, "attempt": 1}
        job |= {"stopping": False, "spec": json.dumps({"way": "head"}), "message": f"it {state}", "created": LONG_AGO}
        job |= {"tenants": json.dumps(["alpha", "beta", "alpha", "gone"])}
        there.append(("jobs", job))
    json_columns = {"params", "metrics", "lineage", "spec", "tenants"}
    for table, row in there:
        cast = connection.dialect.name == "postgresql"
        values = ", ".join(f"CAST(:{name} AS JSON)" if cast and name in json_columns else f":{name}" for name in row)
        connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"), row)


def test_what_is_there_survives_the_way_from_the_first_version(bare: Database, url: str) -> None:
    bare.write(lambda connection: schema.upgrade(connection, to=schema.KNOWN[0]))
    assert bare.read(schema.version) == "0001"
    bare.write(fill_the_first)
    bare.close()

    database = open_database(url)
    assert database.read(schema.version) == schema.HEAD
    assert tenants.names(database) == ["alpha", "beta"]
    known = datasets.newest(database, "alpha")
    assert (known.rows, known.mapping, known.last) == (2**40, "généric", "2025-12-31")
    assert [(one.reference, one.params) for one in versions.of_tenant(database, "alpha")] == [
        ("mlp@1", {"rate": 0.5}),
        ("mlp@2", {"rate": 0.5}),
    ]
    assert versions.by_id(database, "alpha", "m1").datasets == (versions.Learnt("alpha", 1, "d1"),)
    assert aliases.current(database, "alpha", "mlp") == {"champion": "m2", "previous": "m1"}
    assert [key.id for key in keys.of_tenant(database, "alpha")] == ["k1"]
    assert [deed.action for deed in audit.of_tenant(database, "alpha")] == ["tenant.add"]
    # One list of names has become a result for each business that still is one.
    states = {job: {one.tenant: one.state for one in results.of_job(database, job)} for job in ("j0", "j1", "j2")}
    both = ("alpha", "beta")
    assert states == {
        job: dict.fromkeys(both, state) for job, state in zip(states, ("done", "queued", "queued"), strict=True)
    }
    assert {one.reason for one in results.of_job(database, "j1")} == {"it failed"}
    # And it goes on from there.
    assert aliases.rollback(database, "alpha", "mlp", expected="m2", actor="test") == "m1"
    assert jobs.retry(database, "j1", actor="test").state == "queued"
    assert results.pending(database, "j1") == ["alpha", "beta"]
    database.close()


def test_a_step_that_breaks_off_leaves_the_version_before(
    bare: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last thing of the last step fails: everything made on the way is gone again."""
    from alembic import op

    bare.write(lambda connection: schema.upgrade(connection, to=schema.KNOWN[0]))
    bare.write(fill_the_first)

    really = op.create_index

    def broken(name: str, *words: Any, **more: Any) -> None:
        if name == "aliases_of_model":
            raise RuntimeError("the lights went out")
        really(name, *words, **more)

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_index", broken)
        with pytest.raises(RuntimeError, match="lights"):
            open_database(url)
    assert bare.read(schema.version) == "0001"
    assert not bare.read(lambda connection: sa.inspect(connection).has_table("results"))
    bare.close()
    database = open_database(url)
    assert results.pending(database, "j2") == ["alpha", "beta"]
    database.close()


def test_many_that_open_at_once_make_the_tables_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: open_database(url), range(4)))
    for database in found:
        assert database.read(schema.version) == schema.HEAD
        database.close()


def test_processes_that_open_at_once_make_the_tables_once(url: str) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", OPEN, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in started:
        said, trouble = process.communicate(timeout=120)
        assert (said.strip(), process.returncode) == (schema.HEAD, 0), trouble


def test_a_database_of_a_newer_invplat_is_left_alone(database: Database, url: str) -> None:
    change = sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    database.write(lambda connection: connection.execute(change))
    with pytest.raises(DatabaseError, match="version 9999") as told:
        open_database(url)
    assert "upgrade invplat" in str(told.value.hint)
