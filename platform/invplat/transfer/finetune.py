"""From a donor and tenants to their models, judged: the door of the room.

`begun` starts again from a donor; `continued` goes on from each tenant's own model. Both choose a way and settings on
the tenant's own windows, pass the gate, and then learn again, as long, from all that is known. One tenant's failure is
its own. Plain objects in and out: no registry, no Ray.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import xxhash
from torch import Tensor

from invplat.core.errors import UserError
from invplat.model import Model, lineage_of
from invplat.transfer.batch import Fitted, Member, Settings, fit_many
from invplat.transfer.choose import Choice, chosen, tried
from invplat.transfer.examples import MOST, Examples, Frozen, examples_of
from invplat.transfer.gate import BASE, CANDIDATE, CHAMPION, NAIVE, Judged, Verdict, decide
from invplat.transfer.judge import Held, Store, judged, model_said, naive, said_by
from invplat.transfer.tenants import Tenant, checked, young
from invplat.transfer.ways import AUTO, Way, ways_of
from invplat.workload import Prediction

AT_ONCE = 128  # tenants whose windows are in memory at a time


@dataclass(frozen=True)
class Options:
    way: str = AUTO
    layers: int = 1  # how many are the last, for the way `last`
    own: bool = False  # also learn from columns that only the tenant has
    names: bool = False  # learn embeddings for its own SKUs and stores
    horizon: int | None = None  # another than the donor's
    most: int = MOST  # windows of a tenant in each part
    costs: bool = True  # the gate looks at simulated order costs, too
    again: bool = True  # learn from everything once the gate is passed
    settings: Settings | None = None  # these and no others, with the way they name
    epochs: int | None = None  # other than the way's own
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Adapted:
    """What became of one tenant."""

    tenant: str
    verdict: Verdict | None  # None where it failed
    choice: Choice | None = None
    weights: Mapping[str, Tensor] = field(default_factory=dict)  # those that differ from `start`
    start: Model | None = None  # what it began as: the donor, or one grafted from it
    lineage: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failed: str = ""  # why there is no model
    hint: str = ""

    @property
    def way(self) -> str:
        return "untouched" if self.choice is None or self.choice.settings is None else self.choice.settings.way.label

    def model(self) -> Model:
        """The tenant's own model, whether or not it is the one to serve: see the verdict."""
        if self.start is None:
            raise UserError(f"{self.tenant} has no model: {self.failed}", hint=self.hint)
        module = copy.deepcopy(self.start.module)
        module.load_state_dict({**module.state_dict(), **self.weights})
        return replace(self.start, module=module, lineage=self.lineage, metrics=self.metrics)


Told = Callable[[Adapted], None]


def begun(
    donor: Model,
    tenants: Sequence[Tenant],
    options: Options | None = None,
    *,
    champions: Mapping[str, Model] | None = None,
    name: str = "",
    told: Told | None = None,
) -> list[Adapted]:
    """Starts again from the donor, whatever the tenants have now. `champions`: what each serves at present, by tenant.
    `name`: of the donor, NAME@VERSION. `told`: each tenant's outcome as soon as it is there."""
    asked = options or Options()
    found: list[Adapted] = []
    for first in range(0, len(tenants), AT_ONCE):
        some = tenants[first : first + AT_ONCE]
        for one in _Batch(donor, some, asked, dict.fromkeys((t.name for t in some), donor), champions or {}, name).go():
            found.append(one)
            if told is not None:
                told(one)
    return found


def continued(
    models: Mapping[str, Model],
    tenants: Sequence[Tenant],
    options: Options | None = None,
    *,
    base: Model | None = None,
    told: Told | None = None,
) -> list[Adapted]:
    """Goes on from each tenant's own model, which is also the champion to beat. `base`: the untouched one, if at hand.
    Tenants whose models share what stays are trained together."""
    asked = options or Options()
    groups: dict[Any, list[Tenant]] = {}
    found: dict[str, Adapted] = {}
    for tenant in tenants:
        if tenant.name not in models:
            why = f"{tenant.name} has no model to go on from"
            found[tenant.name] = Adapted(tenant.name, None, failed=why, hint="begin from a base first")
        else:
            groups.setdefault(_kept(models[tenant.name], asked), []).append(tenant)
    for group in groups.values():
        for first in range(0, len(group), AT_ONCE):
            some = group[first : first + AT_ONCE]
            starts = {tenant.name: models[tenant.name] for tenant in some}
            champions = {} if base is None else starts
            donor = starts[some[0].name]
            for one in _Batch(donor, some, asked, starts, champions, "", known=True, base=base).go():
                found[one.tenant] = one
                if told is not None:
                    told(one)
    return [found[tenant.name] for tenant in tenants]


def _kept(model: Model, options: Options) -> Any:
    """What two models must share to be trained together: all that no way tried may change."""
    names = [options.way] if options.way != AUTO else ["head"]
    ways = ways_of(model.workload, options.layers)
    learns = ways[names[0]].learns if names[0] in ways else ()
    state = model.module.state_dict()
    digest = xxhash.xxh3_128()
    for name, value in state.items():
        if not (learns and name.startswith(learns)):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return model.workload.name, str(model.layout.to_json()), model.preparation.frequency, digest.hexdigest()


@dataclass
class _One:
    """One tenant on its way through a batch."""

    tenant: Tenant
    start: Model
    examples: Examples
    tries: list[Settings]
    notes: list[str]
    frozen: dict[Way, Frozen] = field(default_factory=dict)
    choice: Choice | None = None
    verdict: Verdict | None = None
    metrics: dict[str, Any] = field(default_factory=dict)

    def of(self, way: Way, device: str) -> Frozen:
        if way not in self.frozen:
            self.frozen[way] = self.examples.frozen(self.start.module, way, device)
        return self.frozen[way]


class _Batch:
    def __init__(
        self,
        donor: Model,
        tenants: Sequence[Tenant],
        options: Options,
        starts: Mapping[str, Model],
        champions: Mapping[str, Model],
        name: str,
        *,
        known: bool = False,
        base: Model | None = None,
    ) -> None:
        self.donor, self.tenants, self.options, self.starts = donor, tenants, options, starts
        self.champions, self.name, self.known, self.base = champions, name, known, base
        self.ways = ways_of(donor.workload, options.layers)
        self.done: dict[str, Adapted] = {}

    def go(self) -> list[Adapted]:
        began = time.perf_counter()
        torch.set_num_threads(1)  # small nets; a second thread mostly waits
        ready = [one for tenant in self.tenants if (one := self._ready(tenant)) is not None]
        groups: dict[str, list[_One]] = {}
        for one in ready:
            groups.setdefault(str(one.start.layout.to_json()), []).append(one)
        found: dict[str, Adapted] = dict(self.done)
        for group in groups.values():
            self._choose(group)
            self._judge(group)
            weights = self._again(group)
            seconds = (time.perf_counter() - began) / max(len(self.tenants), 1)
            found.update(
                {
                    one.tenant.name: self._adapted(
                        one, {k: v.cpu() for k, v in weights[one.tenant.name].items()}, seconds
                    )
                    for one in group
                }
            )
        return [found[tenant.name] for tenant in self.tenants]

    def _ready(self, tenant: Tenant) -> _One | None:
        options = self.options
        try:
            start = self.starts[tenant.name]
            checked(tenant, start.preparation.frequency)
            why = young(tenant)
            if why:
                self.done[tenant.name] = self._newborn(tenant, start, why)
                return None
            examples = examples_of(
                start,
                tenant,
                own=options.own,
                horizon=options.horizon,
                names=options.names,
                known=self.known,
                most=options.most,
            )
            if options.settings is not None:
                tries, note = [options.settings], ""
            else:
                tries, note = tried(examples, options.way, self.ways, options.seed)
                tries = [replace(one, epochs=options.epochs or one.epochs) for one in tries]
            notes = [*examples.notes, *([note] if note else [])]
            mine = begins(start, examples)
            mine.module.to(options.device)
            return _One(tenant, mine, examples, tries, notes)
        except UserError as error:
            self.done[tenant.name] = Adapted(tenant.name, None, failed=error.message, hint=error.hint or "")
            return None

    def _newborn(self, tenant: Tenant, start: Model, why: str) -> Adapted:
        """Nothing to learn from or judge by: what is there serves it."""
        nothing = Judged(np.zeros(0))
        rivals = {BASE: nothing, NAIVE: nothing}
        if tenant.name in self.champions:
            rivals[CHAMPION] = nothing
        lineage = lineage_of(tenant.dataset, seed=self.options.seed, donor=self.name or None, way="untouched")
        return Adapted(tenant.name, decide(None, rivals), None, {}, start, lineage, {}, (why,))

    def _choose(self, group: Sequence[_One]) -> None:
        fits: dict[str, list[tuple[Settings, Fitted]]] = {one.tenant.name: [] for one in group}
        for way in dict.fromkeys(settings.way for one in group for settings in one.tries):
            members = [(one, settings) for one in group for settings in one.tries if settings.way == way]
            for (one, settings), fitted in zip(members, self._fit(members, whole=False), strict=True):
                fits[one.tenant.name].append((settings, fitted))
        for one in group:
            one.choice = chosen(one.tenant.name, fits[one.tenant.name])

    def _fit(self, members: Sequence[tuple[_One, Settings]], *, whole: bool) -> list[Fitted]:
        """Members whose frozen weights are the same, as one call; others each by itself."""
        device = self.options.device
        made = [
            Member(one.examples, one.of(settings.way, device), settings, one.start.module, whole)
            for one, settings in members
        ]
        return fit_many(self.donor.workload, members[0][0].start.layout, made, device)

    def _judge(self, group: Sequence[_One]) -> None:
        """Everyone answers for the same windows; orders of many tenants are simulated at once."""
        held = [Held.of(one.examples) for one in group]
        said: dict[str, dict[int, Prediction]] = {BASE: {}, NAIVE: {}, CHAMPION: {}, CANDIDATE: {}}
        for place, (one, mine) in enumerate(zip(group, held, strict=True)):
            untouched = self._untouched(one, mine)
            said[NAIVE][place] = naive(one.examples, mine)
            said[BASE][place] = untouched if self.base is None else model_said(self.base, one.examples, mine)
            if one.tenant.name in self.champions:
                champion = self.champions[one.tenant.name]
                same = champion is self.starts[one.tenant.name]
                said[CHAMPION][place] = untouched if same else model_said(champion, one.examples, mine)
            if one.choice is not None and one.choice.fitted is not None:
                said[CANDIDATE][place] = self._said(one, mine.rows)
        stores = [
            Store.of(one.examples, mine) if self.options.costs else None for one, mine in zip(group, held, strict=True)
        ]
        figures: list[dict[str, Judged]] = [{} for _ in group]
        for name, answers in said.items():
            places = list(answers)
            found = judged([held[p] for p in places], [stores[p] for p in places], list(answers.values()))
            for place, figure in zip(places, found, strict=True):
                figures[place][name] = figure
        for one, mine_and_others in zip(group, figures, strict=True):
            one.verdict = decide(mine_and_others.pop(CANDIDATE, None), mine_and_others)

    def _untouched(self, one: _One, held: Held) -> Prediction:
        way = next(iter(one.frozen), self.ways["head"])  # any will do
        return said_by(one.examples, one.of(way, self.options.device), way, one.start.module, {}, held.rows)

    def _said(self, one: _One, rows: Tensor) -> Prediction:
        assert one.choice is not None
        assert one.choice.settings is not None
        assert one.choice.fitted is not None
        way = one.choice.settings.way
        frozen = one.of(way, self.options.device)
        return said_by(one.examples, frozen, way, one.start.module, one.choice.fitted.weights, rows)

    def _again(self, group: Sequence[_One]) -> dict[str, Mapping[str, Tensor]]:
        """Once more, as long, from all that is known; as it was chosen where that is not wanted."""
        found: dict[str, Mapping[str, Tensor]] = {one.tenant.name: {} for one in group}
        ours = [one for one in group if one.choice is not None and one.choice.fitted is not None]
        for one in ours:
            assert one.choice is not None
            assert one.choice.fitted is not None
            found[one.tenant.name] = one.choice.fitted.weights
        passed = [one for one in ours if self.options.again and one.verdict is not None and one.verdict.promoted]
        for way in dict.fromkeys(one.choice.settings.way for one in passed if one.choice and one.choice.settings):
            members = []
            for one in passed:
                choice = one.choice
                if (
                    choice is not None
                    and choice.settings is not None
                    and choice.settings.way == way
                    and choice.fitted is not None
                ):
                    last = replace(choice.settings, stop=choice.fitted.best, blends=(choice.fitted.blend,))
                    members.append((one, last))
            for (one, _), fitted in zip(members, self._fit(members, whole=True), strict=True):
                if not fitted.trouble:
                    found[one.tenant.name] = fitted.weights
        return found

    def _adapted(self, one: _One, weights: Mapping[str, Tensor], seconds: float) -> Adapted:
        assert one.choice is not None
        settings, fitted = one.choice.settings, one.choice.fitted
        metrics = {
            "validation_loss": one.choice.after,
            "untouched_loss": one.choice.before,
            "gate": {} if one.verdict is None else dict(one.verdict.figures),
            "seconds": seconds,
        }
        lineage = lineage_of(
            one.tenant.dataset,
            seed=self.options.seed,
            donor=self.name or None,
            way="untouched" if settings is None else settings.way.label,
            tenant=one.tenant.name,
            saw_until=str(one.examples.parts.judge),
            epochs=0 if fitted is None else fitted.best,
            blend=1.0 if fitted is None else fitted.blend,
            continued=self.known,
        )
        return Adapted(one.tenant.name, one.verdict, one.choice, weights, one.start, lineage, metrics, tuple(one.notes))


def begins(donor: Model, examples: Examples) -> Model:
    """The donor as this tenant's model begins: with its names, or grafted onto its own layout."""
    module = donor.module
    if examples.layout != donor.layout:
        grafts: Any = donor.workload
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module = grafts.grafted(donor.module, donor.layout, donor.params, examples.layout)
    return replace(
        donor, spec=examples.spec, layout=examples.layout, preparation=examples.preparation, module=module.eval()
    )
