"""How costs grow with the number of businesses: from one and ten to any number; and what that takes in machines.

Three laws: what everybody pays alike is flat; what is held or done a business is a line through two measurements;
memory is what a process has anyway and what it says that each holds. Knows no measurement of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

Units = Mapping[str, float]
LINES = ("load_s", "made_s", "books_s", "look_ms", "overview_ms", "adapt_core_s", "database_kb")
FLAT = ("question_us", "champion_ms", "dataset_kb", "model_kb", "book_kb")
ABOUT = {
    "adapt_core_s": "fine-tune of all, seconds of a core",
    "load_s": "a replica loads all champions, s",
    "made_s": "books of all are made, s",
    "books_s": "books of all are read again, s",
    "process_mb": "its memory with all of them, MB",
    "look_ms": "its look at the registry, every 2 s, ms",
    "question_us": "a question, one of 64 at once, µs",
    "champion_ms": "the registry: one's champion, ms",
    "overview_ms": "the registry: what all have, ms",
    "database_kb": "the registry's rows of all, kB",
    "dataset_kb": "stored: one's dataset, kB",
    "model_kb": "stored: one's model, kB",
    "book_kb": "held and stored: one's book, kB",
}


@dataclass(frozen=True)
class Line:
    fixed: float
    each: float

    def at(self, count: int) -> float:
        return self.fixed + self.each * count

    @classmethod
    def through(cls, few: tuple[int, float], more: tuple[int, float]) -> Line:
        """Neither part is below nothing, as noise may have it."""
        each = max((more[1] - few[1]) / (more[0] - few[0]), 0.0)
        return cls(max(few[1] - each * few[0], 0.0), each)


def predicted(few: Units, more: Units, counts: tuple[int, int], wanted: int) -> dict[str, float]:
    found = {name: Line.through((counts[0], few[name]), (counts[1], more[name])).at(wanted) for name in LINES}
    found |= {name: more[name] for name in FLAT}
    held = (more["book_kb"] + more["weights_kb"]) / 1e3
    found["process_mb"] = more["process_mb"] + (wanted - counts[1]) * held
    return found


@dataclass(frozen=True)
class Assumed:
    """Not measured: how much is asked of it, and what machines cost. Change them to your own."""

    tenants: int = 100_000
    series: int = 16  # of a business, as measured; memory and storage of its book go with it
    rate: float = 10_000.0  # questions a second
    busy: float = 0.5  # of a core's time, so that waiting stays short
    adapted: float = 52 / 12  # times a month, all
    versions: int = 3  # of a model that are kept
    active: float = 1.0  # share of businesses whose books a replica holds
    core_hour: float = 0.04  # money
    gb_hour: float = 0.005  # of memory
    gb_month: float = 0.023  # of object storage
    replica_gb: float = 64.0  # of memory that a machine has for one


PER_CORE = 3_680 / 2  # questions a second by a core, load and proxy included: make bench NAME=serve_single
HOURS = 730  # of a month


def plan(units: Units, each: Line, given: Assumed) -> dict[str, float]:
    """Machines, memory and money a month, and how near the walls are. `over`: how much more a process grows by than it
    says that it holds."""
    book = units["book_kb"] * given.series / units["series"]
    said = given.tenants * (given.active * book + units["weights_kb"]) / 1e6
    holds = said * units["over"] + units["before_mb"] / 1e3
    cores = given.rate / PER_CORE / given.busy
    replicas = max(ceil(cores / 2), 2)  # a replica and its proxy keep two cores busy; two, so that one may be lost
    adapt_h = each.at(given.tenants) / 3_600 * given.adapted
    kept = given.tenants * (units["dataset_kb"] * given.series / units["series"] + book) / 1e6
    models = given.tenants * given.versions * units["model_kb"] / 1e6
    return {
        "serving cores": cores,
        "replicas": replicas,
        "GB a replica": holds,
        "GB of all replicas": replicas * holds,
        "replica fits": float(holds <= given.replica_gb),
        "load s": given.tenants * units["load_each_s"],
        "books read h": given.tenants * units["books_each_s"] / 3_600,
        "look s": given.tenants * units["look_each_ms"] / 1e3,
        "fine-tune core-h a month": adapt_h,
        "stored GB": kept + models,
        "of it models GB": models,
        "registry GB": given.tenants * units["database_each_kb"] / 1e6,
        "money serving cores": cores * HOURS * given.core_hour,
        "money serving memory": replicas * holds * HOURS * given.gb_hour,
        "money fine-tune": adapt_h * given.core_hour,
        "money storage": (kept + models) * given.gb_month,
    }
