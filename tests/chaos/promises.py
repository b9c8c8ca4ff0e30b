"""What each fault test promises and what it measured: a table at the end of a run, and, where INVPLAT_RELIABILITY names
a file, one in Markdown to which every further run adds a round.

    def test_…(promise: Promise) -> None:
        promise("a worker node killed", "no finished trial lost", {})  # first: then a test that fails here is told of
        …
        promise("a worker node killed", measured={"requests lost": 0, "seconds to recover": 3.2})

Of all that is measured less is better. What a test said of itself travels in its report; knows no test.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

FILE = "INVPLAT_RELIABILITY"
PROPERTY = "promise"
COMMAND = "make test-chaos TIMES=3 INVPLAT_RELIABILITY=cluster/RELIABILITY.md"
ROUNDS = "<!-- rounds: "  # the measurements that the table sums up, in the same file: a further run needs them
END = " -->"

Measured = Mapping[str, float | int | str]


class Promise:
    """Of one test; said again of the same fault, it adds to what was said."""

    def __init__(self, properties: list[tuple[str, object]]) -> None:
        self._properties = properties

    def __call__(self, fault: str, promised: str = "", measured: Measured | None = None) -> None:
        for name, said in self._properties:
            if name == PROPERTY and isinstance(said, dict) and said["fault"] == fault:
                said["promised"] = promised or said["promised"]
                said["measured"].update(measured or {})
                return
        if not promised:
            raise ValueError(f"nothing was promised of {fault!r}")
        self._properties.append((PROPERTY, {"fault": fault, "promised": promised, "measured": dict(measured or {})}))


@dataclass
class Row:
    fault: str
    promised: str
    rounds: list[dict[str, Any]] = field(default_factory=list)  # what was measured in each
    broken: int = 0  # how many more times it was not kept

    @property
    def kept(self) -> str:
        return f"{len(self.rounds)} of {len(self.rounds) + self.broken}"

    @property
    def measured(self) -> str:
        names = dict.fromkeys(name for each in self.rounds for name in each)
        return ", ".join(f"{name} {_summed([each[name] for each in self.rounds if name in each])}" for name in names)


def said(stats: Mapping[str, Iterable[Any]]) -> list[Row]:
    """Of the reports that pytest keeps, by outcome; in the order of the tests."""
    found: dict[str, Row] = {}
    for outcome in ("passed", "failed"):
        for report in stats.get(outcome, ()):
            if getattr(report, "when", "") != "call":
                continue
            for name, one in report.user_properties:
                if name == PROPERTY:
                    row = found.setdefault(one["fault"], Row(one["fault"], one["promised"]))
                    if outcome == "passed":
                        row.rounds.append(dict(one["measured"]))
                    else:
                        row.broken += 1
    return list(found.values())


def drawn(rows: Iterable[Row]) -> list[str]:
    """For a terminal."""
    lines = []
    for row in rows:
        lines += [f"{row.fault}{'' if not row.broken else '  NOT KEPT'}", f"    promised: {row.promised}"]
        lines += [f"    measured: {row.measured}"] if row.measured else []
    return lines


def write(rows: list[Row], path: Path) -> None:
    """One round more, unless what the file tells of ran on another Ray or another machine: then anew."""
    today = datetime.now(UTC).date().isoformat()
    run = {"ray": version("ray"), "python": platform.python_version(), "cores": os.cpu_count()}
    about, before = _read(path)
    if {name: about.get(name) for name in run} != run:
        about, before = run | {"first": today}, []
    about |= {"last": today}
    table = {row.fault: row for row in before}
    for row in rows:
        known = table.setdefault(row.fault, Row(row.fault, row.promised))
        known.promised = row.promised
        known.rounds += row.rounds
        known.broken += row.broken
    path.write_text(_page(about, list(table.values())))


def _read(path: Path) -> tuple[dict[str, Any], list[Row]]:
    if not path.exists():
        return {}, []
    lines = [line for line in path.read_text().splitlines() if line.startswith(ROUNDS)]
    if not lines:
        raise ValueError(f"{path} has no rounds in it: it is not one of ours")
    kept = json.loads(lines[-1].removeprefix(ROUNDS).removesuffix(END))
    return kept["about"], [Row(**each) for each in kept["rows"]]


def _page(about: Mapping[str, Any], rows: list[Row]) -> str:
    days = about["first"] if about["first"] == about["last"] else f"{about['first']} to {about['last']}"
    kept = {"about": about, "rows": [asdict(row) for row in rows]}
    lines = [
        "# What is promised when something fails, and what was measured",
        "",
        f"Measured {days} with Ray {about['ray']}, Python {about['python']}, {about['cores']} cores; made again by",
        "",
        f"    {COMMAND}",
        "",
        "Each line is a test of `tests/chaos`, which fails where the promise is not kept. Of several rounds the",
        "median, and the worst where it was another. Nodes are those of `invplat cluster up` on this one machine,",
        "which share its cores: seconds are orders of magnitude. “Kept” counts the rounds.",
        "",
        "| what happens | what is promised | what was measured | kept |",
        "|---|---|---|---|",
        *(f"| {row.fault} | {row.promised} | {row.measured or '–'} | {row.kept} |" for row in rows),
        "",
        f"{ROUNDS}{json.dumps(kept, ensure_ascii=False).replace('--', '—')}{END}",
    ]
    return "\n".join(lines) + "\n"


def _summed(values: list[Any]) -> str:
    if not all(isinstance(value, int | float) for value in values):
        return " / ".join(dict.fromkeys(map(str, values)))
    middle, worst = statistics.median(values), max(values)
    return _plain(middle) + (f" (worst {_plain(worst)})" if _plain(worst) != _plain(middle) else "")


def _plain(value: float) -> str:
    return f"{value:.0f}" if value == int(value) or value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"
