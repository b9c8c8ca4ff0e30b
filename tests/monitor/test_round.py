"""A round of continuous training: once for each new piece of data, gone on with where it was cut off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from invplat.core.settings import load_settings
from invplat.monitor import refresh as refreshing
from invplat.monitor.need import Limits, standing
from invplat.monitor.refresh import refresh
from invplat.monitor.round import Done, Seen, Wishes, act, history, see
from invplat.registry import aliases, jobs, results, versions
from invplat.registry.database import Database, open_database
from invplat.storage import Storage, open_storage
from invplat.transfer import jobs_run
from invplat.transfer.jobs_adapt import Made
from invplat.transfer.jobs_packs import Pack
from tests.transfer.firms import NAMES, firms_in, typed

TODAY = date(2025, 12, 31)
QUICK = Wishes(limits=Limits(age=28, rest=7), epochs=2)


@dataclass
class House:
    home: Path
    database: Database
    storage: Storage

    def see(self, wishes: Wishes = QUICK, today: date = TODAY, names: Sequence[str] = NAMES) -> Seen:
        return see(self.database, self.storage, names, wishes, today)

    def act(self, seen: Seen, wishes: Wishes = QUICK) -> Done:
        return act(self.database, self.storage, seen, wishes, actor="test", told=lambda _: None)

    def run(self, job: str, pool: Any = None) -> str:
        pool = pool or jobs_run.Here()
        return str(jobs_run.run(self.database, self.storage, job, pool, actor="test", told=lambda _: None))

    def append(self, tenant: str, days: int) -> None:
        """The last days once more, as those that followed."""
        folder = self.home / "more"
        folder.mkdir(exist_ok=True)
        sales = pl.read_csv(self.home.parent / "world" / tenant / "sales.csv", try_parse_dates=True)
        last = sales.filter(pl.col("date") > TODAY - timedelta(days=days))
        path = folder / f"{tenant}-{days}.csv"
        last.with_columns(pl.col("date") + timedelta(days=days)).write_csv(path)
        typed(self.home, "data", "append", "--tenant", tenant, "--mapping", "generic", f"sales={path}")


@pytest.fixture
def house(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    firms_in(home, tmp_path_factory)
    shutil.copytree(home / "world", home.parent / "world")
    settings = load_settings({"home": str(home)}, {})
    with closing(open_database(settings.database_url)) as database:
        yield House(home, database, open_storage(settings.storage_url))


def test_each_once_and_again_when_there_is_more_to_learn_from(house: House) -> None:
    first = house.see()
    assert first.wanted == list(NAMES)
    assert {one.reasons[-1].kind for one in first.needs.values()} == {"first"}
    done = house.act(first)
    assert done.job is not None
    assert done.new
    assert house.see().wanted == []  # a job is at work on them
    assert house.run(done.job.id) == "done"
    assert house.see().wanted == []
    assert house.act(house.see()).job is None
    house.append(NAMES[1], 28)
    later = house.see(today=TODAY + timedelta(days=28))
    assert "age" in [one.kind for one in later.needs[NAMES[1]].reasons]
    assert later.wanted == [NAMES[1]]
    assert standing(house.database, NAMES[1], "mlp").tried == TODAY
    deeds = history(house.database)
    assert {one["tenant"] for one in deeds} == set(NAMES)
    assert {one["subject"] for one in deeds} == {done.job.id}
    assert "no model was ever adapted" in deeds[0]["why"]


def test_cut_off_in_the_middle_it_goes_on(house: House) -> None:
    asked: list[tuple[str, ...]] = []

    def cut_off(pack: Pack) -> list[Made]:
        asked.append(pack.tenants)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return jobs_run.adapt(pack)

    seen = house.see()
    done = house.act(seen)
    assert done.job is not None
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(jobs_run, "cut", lambda known, at_once: [known[:2], known[2:]])
        assert house.run(done.job.id, jobs_run.Here(cut_off)) == "stopped"
        left = house.see()
        assert left.wanted == list(NAMES[2:])
        again = house.act(left)
        assert again.job is not None
        assert again.job.id == done.job.id
        assert not again.new
        assert house.run(again.job.id) == "done"
    kept = results.of_job(house.database, done.job.id)
    assert {one.state for one in kept} == {"done"}
    for name in NAMES:
        assert len([one for one in versions.of_tenant(house.database, name) if one.prefix]) <= 1
    assert house.see().wanted == []


def test_one_that_can_not_be_looked_at_is_no_trouble_of_the_others(house: House) -> None:
    folder = house.home / "storage" / "tenants" / NAMES[0] / "datasets" / "versions"
    next(folder.glob("*.json")).write_text("damaged")
    seen = house.see()
    assert list(seen.failed) == [NAMES[0]]
    assert seen.wanted == list(NAMES[1:])


def test_a_business_without_data_needs_nothing(house: House) -> None:
    typed(house.home, "tenant", "add", "empty")
    seen = house.see(names=("empty",))
    assert not seen.failed
    assert seen.wanted == []


def _base(house: House) -> Any:
    return refresh(house.database, house.storage, "mlp", NAMES, TODAY, actor="test", told=lambda _: None)


def test_a_new_base_is_trained_once_and_passes_the_gate_or_not(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = versions.of_tenant(house.database, None)
    trained = []
    make = refreshing._trained
    monkeypatch.setattr(refreshing, "_trained", lambda *given: trained.append(1) or make(*given))  # type: ignore[func-returns-value]
    with monkeypatch.context() as patch:
        patch.setattr(refreshing, "_verdict", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            _base(house)
    assert aliases.current(house.database, None, "mlp")["champion"] == before.id  # kept, and not served unjudged
    made = _base(house)
    assert not made.new
    assert made.before.id == before.id
    assert {each.tenant for each in made.made.datasets} == set(NAMES)
    champion = aliases.current(house.database, None, "mlp")["champion"]
    assert champion == (made.made.id if made.promoted else before.id)
    again = _base(house)
    assert not again.new
    assert trained == [1]
    assert [one["action"] for one in history(house.database)] == ["retrain.base"]


def test_a_worse_base_is_not_served(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = versions.of_tenant(house.database, None)
    train = refreshing._trained

    def spoilt(*given: Any) -> Any:
        made = train(*given)
        with torch.no_grad():
            for weights in made.model.module.parameters():
                weights.mul_(4)
        return made

    monkeypatch.setattr(refreshing, "_trained", spoilt)
    made = _base(house)
    assert made.new
    assert not made.promoted
    assert "is served" in made.reason
    assert aliases.current(house.database, None, "mlp")["champion"] == before.id


def test_where_enough_have_moved_everybody_adapts_from_the_new_base(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invplat.transfer.gate import CANDIDATE, Verdict

    monkeypatch.setattr(refreshing, "_verdict", lambda *_: Verdict(CANDIDATE, "better"))
    seen = house.see()
    assert house.run(house.act(seen).job.id) == "done"  # type: ignore[union-attr]
    assert not house.see().refreshes(0.5)
    for name in NAMES[:2]:
        house.append(name, 14)
    later = house.see(today=TODAY + timedelta(days=14))
    for name in NAMES:  # what two of them would be told
        need = later.needs[name]
        moved = tuple(_reasons()) if name in NAMES[:2] else ()
        later.needs[name] = type(need)(name, moved)
    wishes = Wishes(limits=QUICK.limits, epochs=2, base_when=0.5)
    assert later.refreshes(0.5)
    assert not later.refreshes(0.6)
    done = house.act(later, wishes)
    assert done.base is not None
    assert done.base.promoted
    assert done.tenants == list(NAMES)
    assert done.job is not None
    assert done.job.spec["bases"] == [done.base.made.id]
    assert jobs.get(house.database, done.job.id).state == "queued"


def _reasons() -> Iterator[Any]:
    from invplat.monitor.need import Reason

    yield Reason("drift", "demand has changed")
