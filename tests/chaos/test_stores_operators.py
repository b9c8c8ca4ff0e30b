"""Two operators promote at once, in processes of their own: exactly one wins, or both in order."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from invplat.registry import aliases, audit, tenants, versions
from invplat.registry.database import Database, open_database
from invplat.registry.versions import Version
from tests.chaos.promises import Promise
from tests.chaos.tuning import command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROUNDS = 40
OPERATORS = ("ann", "bob")
# Told of a model and of the champion that it was judged against, it promotes.
OPERATOR = """
import sys
from invplat.core.errors import Conflict
from invplat.registry import aliases
from invplat.registry.database import open_database
url, name = sys.argv[1:]
database = open_database(url)
print("ready", flush=True)
for line in sys.stdin:
    model, expected = line.split()
    try:
        aliases.promote(database, "shop", "mlp", model, expected=expected, actor=name)
        print("won", flush=True)
    except Conflict as error:
        print(f"lost: {error.message}; {error.hint}", flush=True)
"""


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, home: Path) -> Iterator[Database]:
    home.mkdir()
    url = request.getfixturevalue("empty_postgres") if request.param == "postgres" else f"sqlite:///{home}/invplat.db"
    with open_database(url) as found:
        tenants.ensure(found, "shop", actor="test")
        yield found


def made(database: Database, count: int) -> list[Version]:
    rows = [Version("shop", "mlp", number, "mlp", None, None, 0, "0", {}, {}, {}) for number in range(1, count + 1)]
    return versions.register(database, rows)


def champion(database: Database) -> str:
    return aliases.current(database, "shop", "mlp")[aliases.CHAMPION]


def told(database: Database) -> list[tuple[str, str | None, str]]:
    """Who has put which in whose place, oldest first."""
    deeds = [one for one in audit.of_tenant(database, "shop", most=1000) if one.action == "model.promote"]
    return [(one.actor, (one.detail or {})["before"], (one.detail or {})["model"]) for one in reversed(deeds)]


def test_of_two_exactly_one_wins(database: Database, promise: Promise) -> None:
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    fault = f"two operators promote against the same champion, {kind}"
    promise(fault, "exactly one wins, the other is told why, and the audit log says who")
    first, *others = [one.id for one in made(database, 1 + 2 * ROUNDS)]
    aliases.promote(database, "shop", "mlp", first, expected=None, actor="test")
    won: list[tuple[str, str | None, str]] = [("test", None, first)]
    both = neither = 0
    with ExitStack() as stack:
        there = {}
        for name in OPERATORS:
            words = [sys.executable, "-c", OPERATOR, database.url, name]
            there[name] = stack.enter_context(
                subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(there[name].kill)
        for process in there.values():
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for turn in range(ROUNDS):
            expected = won[-1][2]
            models = dict(zip(OPERATORS, others[2 * turn :], strict=False))
            for name in OPERATORS if turn % 2 else OPERATORS[::-1]:
                pipe = there[name].stdin
                assert pipe is not None
                pipe.write(f"{models[name]} {expected}\n")
                pipe.flush()
            said = {name: str(process.stdout and process.stdout.readline()) for name, process in there.items()}
            winners = [name for name in OPERATORS if said[name] == "won\n"]
            both, neither = both + (len(winners) == 2), neither + (not winners)
            won += [(name, expected, models[name]) for name in winners]
            assert all("not the one this was decided against" in said[name] for name in set(OPERATORS) - set(winners))
            assert champion(database) == won[-1][2]
    assert (both, neither) == (0, 0)
    assert told(database) == won
    counts = {f"won by {name}": sum(actor == name for actor, _, _ in won) for name in OPERATORS}
    promise(fault, measured={"rounds": ROUNDS, **counts, "both or neither": both + neither})


def test_two_commands_at_once(database: Database, home: Path, promise: Promise) -> None:
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    fault = f"two operators type invplat models promote at once, {kind}"
    promise(fault, "both in order, or one is refused with exit code 2; the audit log is one chain")
    rows = made(database, 5)
    aliases.promote(database, "shop", "mlp", rows[0].id, expected=None, actor="test")
    refused = 0
    began = time.monotonic()
    for turn in range(2):
        given = ("--tenant", "shop", "--home", home, "--database-url", database.url, "--json")
        words = [command("models", "promote", rows[1 + 2 * turn + each].reference, *given) for each in range(2)]
        started = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for line in words]
        for process in started:
            out, trouble = process.communicate(timeout=120)
            assert process.returncode in (0, 2), trouble
            if process.returncode == 2:
                refused += 1
                assert "not the one this was decided against" in json.loads(trouble)["error"]
            else:
                assert json.loads(out)["promoted"]
    chain = told(database)
    assert len(chain) == 1 + 4 - refused
    assert all(later[1] == earlier[2] for earlier, later in pairwise(chain))
    assert champion(database) == chain[-1][2]
    promise(fault, measured={"commands": 4, "refused": refused, "seconds": round(time.monotonic() - began, 1)})
