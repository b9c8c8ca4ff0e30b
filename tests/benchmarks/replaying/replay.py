"""The replay: week by week the data come in, the monitor looks, one arm retrains and the other does not.

Both arms begin with the same models and see the same data; the monitor reads the forecasts of the arm that retrains.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from click.testing import CliRunner

from invplat.core.settings import load_settings
from invplat.model import Model
from invplat.monitor.facts import champion, read_facts
from invplat.monitor.round import Wishes, act, see
from invplat.registry import versions
from invplat.registry.database import Database, open_database
from invplat.registry.parts import PREDICTED, Part
from invplat.registry.rows import new_id
from invplat.registry.versions import Version
from invplat.serve.facts import facts_of
from invplat.storage import Storage, open_storage
from invplat.transfer import jobs_run
from replaying.arm import Answer, Arm, answer_of
from replaying.world import FIRST, LINE, SHIFT, SIGNALS, WEEK, Shop, Trouble

ACTOR = "replay"
WITH, WITHOUT = ARMS = ("with retraining", "without")


@dataclass(frozen=True)
class Sizes:
    """Of the base."""

    windows: int = 4000
    epochs: int = 4
    past: int = 28
    horizon: int = 14
    hidden: int = 32
    adapting: int = 0  # epochs of the first fine-tunes, at most; 0: as the way has it


@dataclass
class Outcome:
    weeks: list[date] = field(default_factory=list)  # Mondays
    costs: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)  # arm → tenant → weeks
    findings: list[dict[str, Any]] = field(default_factory=list)  # each kind of each business, when it was first told
    retrained: list[dict[str, Any]] = field(default_factory=list)
    back: list[dict[str, Any]] = field(default_factory=list)
    bases: list[dict[str, Any]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def total(self, arm: str, tenant: str | None = None) -> float:
        some = self.costs[arm] if tenant is None else {tenant: self.costs[arm][tenant]}
        return sum(held + short for weeks in some.values() for held, short in weeks)

    def curve(self, arm: str) -> Any:
        """Summed over businesses and over the weeks so far."""
        weeks = [[held + short for held, short in one] for one in self.costs[arm].values()]
        return np.cumsum(np.sum(weeks, axis=0))

    def found(self, trouble: Trouble) -> dict[str, Any] | None:
        """The first finding by an expected signal that was made after it began, and speaks of it."""
        mine = [
            one for one in self.findings if one["tenant"] == trouble.tenant and one["kind"] in SIGNALS[trouble.kind]
        ]
        after = [one for one in mine if one["told"] >= trouble.day and _of(trouble, one)]
        return min(after, key=lambda one: one["told"], default=None)

    def early(self, trouble: Trouble) -> list[dict[str, Any]]:
        """Findings of such kinds, of the same, before it began."""
        return [
            one
            for one in self.findings
            if one["tenant"] == trouble.tenant
            and one["kind"] in SIGNALS[trouble.kind]
            and one["told"] < trouble.day
            and _of(trouble, one)
        ]


def _of(trouble: Trouble, one: dict[str, Any]) -> bool:
    """It speaks of the whole business where that has moved, else of the store or supplier that has."""
    if trouble.kind == SHIFT:
        return one["subject"] in ("", "demand")
    return trouble.kind == LINE or one["subject"] == trouble.subject


def typed(home: Path, *words: object) -> None:
    from invplat.cli.main import cli

    ended = CliRunner().invoke(cli, [*map(str, words), "--home", str(home), "--quiet"])
    if ended.exit_code:
        raise RuntimeError(ended.output)


def replay(
    home: Path, shops: list[Shop], before: int, weeks: int, wishes: Wishes, sizes: Sizes, told: Callable[[str], None]
) -> Outcome:
    _begin(home, shops, before, sizes)
    settings = load_settings({"home": str(home)}, {})
    storage = open_storage(settings.storage_url)
    with closing(open_database(settings.database_url)) as database:
        return _Replay(home, shops, before, weeks, wishes, database, storage, told).go()


def _begin(home: Path, shops: list[Shop], before: int, sizes: Sizes) -> None:
    """The history, a base learnt from all of them, and a model of each one's own."""
    for shop in shops:
        files = shop.write(home / "files" / shop.name / "0", 0, before * WEEK)
        typed(home, "tenant", "add", shop.name, "--data", files[0].parent, "--mapping", "generic")
    pooled = [word for shop in shops for word in ("--tenant", shop.name)]
    spec = ("--spec", f"past={sizes.past},horizon={sizes.horizon}")
    params = ("--params", f"hidden_one={sizes.hidden},hidden_two={sizes.hidden}")
    typed(home, "train", "mlp", "--base", *pooled, "--epochs", sizes.epochs, "--windows", sizes.windows, *spec, *params)
    most = ("--epochs", sizes.adapting) if sizes.adapting else ()
    typed(home, "finetune", "submit", "--all", "--in-process", *most)


class _Replay:
    def __init__(
        self,
        home: Path,
        shops: list[Shop],
        before: int,
        weeks: int,
        wishes: Wishes,
        database: Database,
        storage: Storage,
        told: Callable[[str], None],
    ) -> None:
        self.home, self.shops, self.before, self.weeks, self.wishes = home, shops, before, weeks, wishes
        self.database, self.storage, self.told = database, storage, told
        self.models: dict[str, Model] = {}
        self.first = {shop.name: self._champion(shop.name) for shop in shops}
        start = before * WEEK
        self.arms = {arm: {shop.name: Arm.begin(shop, start) for shop in shops} for arm in ARMS}
        self.out = Outcome()
        self.seen: set[tuple[str, str, str]] = set()

    def go(self) -> Outcome:
        for week in range(self.weeks):
            day = (self.before + week) * WEEK
            self.out.weeks.append(FIRST + timedelta(days=day))
            for shop in self.shops:
                self._live(shop, day)
            self._round(FIRST + timedelta(days=day + WEEK - 1))
            if week % 4 == 3:
                so_far = {
                    arm: sum(sum(map(sum, one.costs)) for one in mine.values()) for arm, mine in self.arms.items()
                }
                self.told(f"week {week + 1}: " + ", ".join(f"{arm} {cost:,.0f}" for arm, cost in so_far.items()))
        self.out.costs = {arm: {name: one.costs for name, one in mine.items()} for arm, mine in self.arms.items()}
        return self.out

    def _live(self, shop: Shop, day: int) -> None:
        yesterday = FIRST + timedelta(days=day - 1)
        facts = read_facts(self.database, self.storage, shop.name, yesterday)
        now = self._champion(shop.name)
        answers = {WITH: self._answer(now, facts)}
        first = self.first[shop.name]
        answers[WITHOUT] = answers[WITH] if now.id == first.id else self._answer(first, facts)
        self._note(shop.name, yesterday, answers[WITH])
        known = facts_of(facts.dataset, answers[WITH].names, facts.frequency, yesterday)
        for arm, answer in answers.items():
            self.arms[arm][shop.name].week(day, answer, known)
        files = shop.write(self.home / "files" / shop.name / str(day), day, day + WEEK)
        typed(self.home, "data", "append", "--tenant", shop.name, "--mapping", "generic", *files)

    def _round(self, today: date) -> None:
        """The same that `invplat retrain --all` does."""
        names = [shop.name for shop in self.shops]
        seen = see(self.database, self.storage, names, self.wishes, today)
        for name, made in seen.looks.items():
            for one in made.findings:
                if (name, one.kind, one.subject) not in self.seen:
                    self.seen.add((name, one.kind, one.subject))
                    told = {"tenant": name, "kind": one.kind, "subject": one.subject, "told": today}
                    self.out.findings.append({**told, "since": one.since, "sentence": one.sentence})
        done = act(self.database, self.storage, seen, self.wishes, actor=ACTOR, told=self.told)
        if done.job is not None and done.job.state == "queued":
            jobs_run.run(self.database, self.storage, done.job.id, jobs_run.Here(), actor=ACTOR, told=lambda _: None)
        for name in done.tenants:
            self.out.retrained.append(
                {
                    "week": str(today),
                    "tenant": name,
                    "why": sorted({one.kind for one in seen.needs[name].reasons}) or ["base"],
                    "serves": self._champion(name).called,
                }
            )
        self.out.back += [{"week": str(today), "tenant": one.tenant, "reason": one.reason} for one in done.back]
        self.out.bases += [{"week": str(today), **done.base.to_dict()}] if done.base is not None else []
        self.out.failed += [f"{today} {name}: {why}" for name, why in {**seen.failed, **done.failed}.items()]

    def _champion(self, tenant: str) -> Version:
        model = champion(self.database, tenant)
        assert model is not None  # a base was trained
        return versions.by_id(self.database, tenant, model)

    def _answer(self, version: Version, facts: Any) -> Answer:
        if version.id not in self.models:
            like = version
            if version.prefix is None:
                like = next(one for one in versions.of_tenant(self.database, None) if one.prefix)
            self.models[version.id] = Model.of(versions.open_bundle(self.storage, like))
        return answer_of(version, self.models[version.id], facts)

    def _note(self, tenant: str, as_of: date, answer: Answer) -> None:
        """As the service's journal writes it."""
        periods = len(answer.dates)
        table = pl.DataFrame(
            {
                "store": np.repeat([store for store, _ in answer.names], periods),
                "sku": np.repeat([sku for _, sku in answer.names], periods),
                "as_of": [as_of] * (len(answer.names) * periods),
                "date": list(answer.dates) * len(answer.names),
                "mean": answer.mean.reshape(-1),
                **{f"q{one:g}": answer.quantiles[:, :, at].reshape(-1) for at, one in enumerate(answer.levels)},
            }
        )
        sink = io.BytesIO()
        table.write_parquet(sink)
        key = f"tenants/{tenant}/predictions/{new_id()}.parquet"
        self.storage.write(key, sink.getvalue())
        first, last = answer.dates[0].isoformat(), answer.dates[-1].isoformat()
        PREDICTED.add(self.database, [Part(tenant, key, len(table), first, last, answer.version.id)])
