"""One pack, from datasets to kept bundles: what a task of a job does, in whichever process it runs.

Asks the storage only. What it kept before it was killed is found again by the job's id, and not made twice. Knows no
registry and no Ray.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from invplat.core.errors import BundleRefused, DatasetError, InvplatError
from invplat.data.dataset import Dataset
from invplat.model import Model
from invplat.registry import models, results, versions
from invplat.registry.versions import Version
from invplat.storage import Storage, open_storage
from invplat.transfer.donor import nearest
from invplat.transfer.finetune import Adapted, Options, begun, continued
from invplat.transfer.gate import BASE, CHAMPION
from invplat.transfer.jobs_asked import CONTINUE
from invplat.transfer.jobs_packs import Pack, Wanted
from invplat.transfer.tenants import Tenant

LOOKED_AT = 3  # last versions among which a killed process's own is looked for
UNTOUCHED = "untouched"
WORTH = 4096  # bytes, as a file system's block: less is no object of its own
DONORS = 4  # held by a process
_DONORS: dict[tuple[str, str], Model] = {}


@dataclass(frozen=True)
class Made:
    """What has become of one business: what the registry is to be told."""

    tenant: str
    state: str  # of registry.results
    reason: str
    way: str | None = None
    serves: str = ""  # of transfer.gate; empty: as before
    base: str | None = None  # the id of the donor
    expected: str | None = None  # the id of the champion that it was judged against
    seconds: float = 0.0
    detail: Mapping[str, Any] = field(default_factory=dict)
    version: Version | None = None  # what was kept


def adapt(pack: Pack) -> list[Made]:
    """An entry for every business of the pack. A donor that can't be read is everybody's trouble, and raised."""
    began = time.perf_counter()
    storage = open_storage(pack.storage)
    donors = {base.id: (base, donor_of(pack.storage, base)) for base in pack.bases}
    done: dict[str, Made] = {}
    ready: list[tuple[Wanted, Tenant]] = []
    for each in pack.wanted:
        found = _kept_before(storage, pack, each) or _read(storage, pack, each, donors)
        if isinstance(found, Tenant):
            ready.append((each, found))
        else:
            done[each.tenant] = found
    groups: dict[str, list[tuple[Wanted, Tenant]]] = {}
    for each, tenant in ready:
        try:
            groups.setdefault(_nearest(tenant, donors), []).append((each, tenant))
        except InvplatError as error:
            done[each.tenant] = _failed(each.tenant, error.message)
    for base, group in groups.items():
        for each, adapted, notes in _adapted(storage, pack, *donors[base], group):
            seconds = (time.perf_counter() - began) / len(pack.wanted)
            done[each.tenant] = _kept(storage, pack, each, donors[base], adapted, notes, seconds)
    share = (time.perf_counter() - began) / len(pack.wanted)
    return [replace(done[name], seconds=done[name].seconds or share) for name in pack.tenants]


def donor_of(storage: str, version: Version) -> Model:
    """Read once a process: packs share it. It is opened each time, so that an altered one is found out."""
    bundle = versions.open_bundle(open_storage(storage), version)
    key = (storage, str(version.digest))
    if key not in _DONORS:
        if len(_DONORS) >= DONORS:
            _DONORS.clear()
        _DONORS[key] = Model.of(bundle)
    return _DONORS[key]


def _read(storage: Storage, pack: Pack, each: Wanted, donors: Mapping[str, tuple[Version, Model]]) -> Tenant | Made:
    if each.dataset is None:
        return _untouched(pack, each, "no data yet: the base answers for it")
    frequency = next(iter(donors.values()))[1].preparation.frequency
    try:
        dataset = Dataset.open(storage, each.tenant, each.dataset)
    except (InvplatError, OSError, ValueError) as error:
        return _failed(each.tenant, f"its dataset can't be read: {_said(error)}")
    try:
        return Tenant.of(dataset, frequency)
    except DatasetError as error:
        return _untouched(pack, each, f"nothing to learn from: {error.message}")
    except Exception as error:
        return _failed(each.tenant, f"its dataset can't be read: {_said(error)}")


def _untouched(pack: Pack, each: Wanted, reason: str) -> Made:
    """Whoever has a champion keeps it; whoever has none is served by the base."""
    base = pack.bases[0]
    serves = CHAMPION if each.champion is not None else BASE
    detail = {"donor": base.reference, "serves": serves, "dataset": each.dataset}
    expected = None if each.champion is None else each.champion.id
    return Made(each.tenant, results.DONE, reason, UNTOUCHED, serves, base.id, expected, detail=detail)


def _nearest(tenant: Tenant, donors: Mapping[str, tuple[Version, Model]]) -> str:
    if len(donors) == 1:
        return next(iter(donors))
    return nearest(tenant, {name: model for name, (_, model) in donors.items()})[0].name


def _adapted(
    storage: Storage, pack: Pack, base: Version, donor: Model, group: Sequence[tuple[Wanted, Tenant]]
) -> list[tuple[Wanted, Adapted, tuple[str, ...]]]:
    asked = pack.asked
    options = Options(way=asked.way, layers=asked.layers, epochs=asked.epochs, seed=asked.seed)
    champions: dict[str, Model] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for each, tenant in group:
        champion = each.champion
        if champion is None or champion.id == base.id or champion.prefix is None:
            continue
        try:
            champions[tenant.name] = Model.of(versions.open_bundle(storage, champion))
        except BundleRefused as error:
            notes[tenant.name] = (f"its champion {champion.called} can't be read: {error.message}",)
    own = {each.tenant for each, _ in group if each.champion is not None and each.champion.tenant is not None}

    def go(some: Sequence[Tenant]) -> list[Adapted]:
        if asked.mode == CONTINUE:
            begins = {name: champion for name, champion in champions.items() if name in own}
            return continued(begins, some, options, base=donor)
        rivals = {tenant.name: champions[tenant.name] for tenant in some if tenant.name in champions}
        return begun(donor, some, options, champions=rivals, name=base.reference)

    found = {one.tenant: one for one in _each_its_own(go, [tenant for _, tenant in group])}
    return [(each, found[each.tenant], notes.get(each.tenant, ())) for each, _ in group]


def _each_its_own(go: Any, some: Sequence[Tenant]) -> list[Adapted]:
    """Where a pack fails as a whole, by halves, until whoever is to blame is alone."""
    try:
        found: list[Adapted] = go(some)
        return found
    except Exception as error:
        if len(some) == 1:
            return [Adapted(some[0].name, None, failed=_said(error))]
    middle = len(some) // 2
    return [*_each_its_own(go, some[:middle]), *_each_its_own(go, some[middle:])]


def _kept(
    storage: Storage,
    pack: Pack,
    each: Wanted,
    began: tuple[Version, Model],
    adapted: Adapted,
    notes: tuple[str, ...],
    seconds: float,
) -> Made:
    base, donor = began
    if adapted.verdict is None:
        why = f"{adapted.failed} ({adapted.hint})" if adapted.hint else adapted.failed
        return _failed(each.tenant, why)
    verdict = adapted.verdict
    before = figure(verdict.figures, CHAMPION, BASE)
    after = figure(verdict.figures, verdict.serves)
    detail: dict[str, Any] = {
        "donor": base.reference,
        "serves": verdict.serves,
        "before": before,
        "after": after,
        "figures": {name: dict(found) for name, found in verdict.figures.items()},
        "dataset": each.dataset,
        "chosen": "" if adapted.choice is None else adapted.choice.reason,
        "notes": [*notes, *adapted.notes],
    }
    expected = None if each.champion is None else each.champion.id
    made = Made(
        each.tenant, results.DONE, verdict.reason, adapted.way, verdict.serves, base.id, expected, seconds, detail
    )
    if not adapted.weights:
        return made
    model = adapted.model()
    decided = {"decision": verdict.serves, "reason": verdict.reason, "figures": detail["figures"]}
    # All that the registry is to be told goes with the bundle, should this process end before it is told.
    told = {name: value for name, value in asdict(made).items() if name != "version"}
    model = replace(
        model,
        lineage={**model.lineage, "donor": base.reference, "donor_id": base.id, "job": pack.job},
        metrics={**model.metrics, "finetune": {"made": told, "verdict": decided}},
    )
    shared = _shared(model, donor, adapted)
    if pack.owner is not None and pack.owner.alive is False:
        sys.exit(1)  # killed; another process may be at work on the same by now
    try:
        version = versions.stored(
            storage, each.tenant, base.name, model.bundle(shared), donor=_began(pack, each, base), verdict=decided
        )
    except (InvplatError, OSError) as error:
        return _failed(each.tenant, f"its model could not be kept: {_said(error)}")
    return replace(made, version=version)


def _shared(model: Model, donor: Model, adapted: Adapted) -> set[str]:
    """What it has not learnt and has from the base bit for bit: kept once for all, and nothing of any business."""
    found = model.alike(donor) - adapted.weights.keys()
    state = model.module.state_dict()
    return found if sum(state[name].nbytes for name in found) >= WORTH else set()


def _began(pack: Pack, each: Wanted, base: Version) -> str:
    return each.champion.id if pack.asked.mode == CONTINUE and each.champion is not None else base.id


def _kept_before(storage: Storage, pack: Pack, each: Wanted) -> Made | None:
    """What a process of this job kept of this business before it was killed."""
    for name in dict.fromkeys(base.name for base in pack.bases):
        for number in models.numbers(storage, each.tenant, name)[-LOOKED_AT:][::-1]:
            if not models.whole(storage, each.tenant, name, number):
                continue
            try:
                found = versions.seen(storage, each.tenant, name, number)
            except BundleRefused:
                continue
            if found.lineage.get("job") == pack.job:
                kept = found.metrics["finetune"]
                made = Made(**{**kept["made"], "version": None})
                donor = _began(pack, each, next(base for base in pack.bases if base.id == made.base))
                return replace(made, version=replace(found, donor=donor, verdict=kept["verdict"]))
    return None


def figure(figures: Mapping[str, Mapping[str, float | None]], *names: str) -> float | None:
    """The error of the first of them that was judged."""
    return next((figures[name].get("wape") for name in names if name in figures), None)


def _failed(tenant: str, reason: str) -> Made:
    return Made(tenant, results.FAILED, reason)


def _said(error: BaseException) -> str:
    """In a line; of a mistake of ours also where it was made."""
    if isinstance(error, InvplatError):
        return error.message
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in last)
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}{where}"
