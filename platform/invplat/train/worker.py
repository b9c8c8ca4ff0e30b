"""One worker's part of a shared fit, from its stores to the weights, and what is kept of the fit on the way.

In storage, under the fit's own prefix: `material.json`, what a model is made of beside its weights; `checkpoint`, of
the last epoch, and `epochs.json`, its history; `ended.json`, once it is over, or `refused.json`. A fit that finds a
checkpoint of its own goes on from it, with however many workers. Knows no Ray: N workers may be threads of one process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any

from invplat import __version__
from invplat.core.errors import StorageError, UserError
from invplat.core.space import Params
from invplat.data.dataset import Dataset
from invplat.data.layout import Layout
from invplat.model import Preparation
from invplat.storage import Storage
from invplat.train.checkpoint import Checkpoint
from invplat.train.exchange import Exchange, error_of, refusal
from invplat.train.loop import Ended, Epoch, Fitted, fit
from invplat.train.material import MOST, settled
from invplat.train.plan import Plan
from invplat.train.schedule import Schedule
from invplat.train.shard import Shard, shard_of
from invplat.train.sharding import Sharding, sharded, sizes
from invplat.workload import Workload, find, lost

MATERIAL, CHECKPOINT, EPOCHS = "material.json", "checkpoint", "epochs.json"
ENDED, REFUSED = "ended.json", "refused.json"


@dataclass(frozen=True)
class Job:
    """What is fitted, as JSON; the same job is the same fit, whoever runs it."""

    workload: str
    tenant: str
    version: int
    params: Params
    plan: Mapping[str, Any]
    asked: Mapping[str, Any] = field(default_factory=dict)  # past, horizon, quantiles, frequency
    most: int = MOST
    whole: bool = False  # learns from all of the history, and chooses nothing

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Job:
        fields = dict(raw)
        fields["asked"] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields["asked"].items()}
        return cls(**fields)

    @property
    def prefix(self) -> str:
        """Where the fit is kept while it runs."""
        text = json.dumps({**self.to_json(), "code": __version__}, sort_keys=True)
        return f"fits/{sha256(text.encode()).hexdigest()[:16]}"

    def sharding(self, dataset: Dataset, workers: int) -> Sharding:
        made = settled([dataset], **self.asked)
        return sharded(sizes(dataset, made.frequency, made.spec.horizon), workers)


@dataclass(frozen=True)
class Result:
    """What a fit left in storage."""

    layout: Layout
    preparation: Preparation
    schedule: Schedule
    windows: tuple[int, ...]  # learnt from, of each worker of the last start
    notes: tuple[str, ...]
    fitted: Fitted


def work(
    job: Job,
    storage: Storage,
    exchange: Exchange,
    *,
    device: str = "cpu",
    workload: Workload | None = None,
    watch: Callable[[Epoch], None] = lambda epoch: None,
) -> None:
    """`watch` is told each epoch by worker 0, once it is kept."""
    first = exchange.rank == 0
    try:
        _work(job, storage, exchange, device, workload or find(job.workload), watch)
    except UserError as error:  # trying again would end the same way
        if first:
            _write(storage, f"{job.prefix}/{REFUSED}", refusal(error))


def _work(
    job: Job,
    storage: Storage,
    exchange: Exchange,
    device: str,
    workload: Workload,
    watch: Callable[[Epoch], None],
) -> None:
    if exchange.gather(storage.exists(f"{job.prefix}/{ENDED}"))[0]:
        return
    dataset = Dataset.open(storage, job.tenant, job.version)
    made, plan = settled([dataset], **job.asked), Plan(**job.plan)
    sharding = sharded(sizes(dataset, made.frequency, made.spec.horizon), exchange.size)
    shard = shard_of(workload, dataset, made, sharding.shards, exchange, whole=job.whole, most=job.most, seed=plan.seed)
    keeper = _Keeper(job.prefix, storage) if exchange.rank == 0 else None
    if keeper is not None:
        notes = (*made.notes, *lost(workload, dataset), *shard.notes)
        _write(storage, f"{job.prefix}/{MATERIAL}", _material(shard, notes))

    def told(epoch: Epoch, checkpoint: Callable[[], Checkpoint]) -> bool:
        if keeper is not None:
            keeper.keep(checkpoint())
            watch(epoch)
        return True

    fitted = fit(
        workload,
        job.params,
        shard.layout,
        shard.train,
        shard.validation if len(shard.validation) else None,
        plan=plan,
        device=device,
        resume=_checkpoint(storage, job.prefix),
        watch=told,
        exchange=exchange,
    )
    if keeper is not None:
        keeper.settle()
        _write(storage, f"{job.prefix}/{ENDED}", {"ended": fitted.ended.value, "trouble": fitted.trouble})


class _Keeper:
    """Writes checkpoints; a storage that is gone for a while does not end the fit, only its insurance."""

    def __init__(self, prefix: str, storage: Storage) -> None:
        self.prefix, self.storage = prefix, storage
        self.unkept: Checkpoint | None = None

    def keep(self, checkpoint: Checkpoint) -> None:
        try:
            self._write(checkpoint)
        except StorageError:
            self.unkept = checkpoint
        else:
            self.unkept = None

    def settle(self) -> None:
        if self.unkept is not None:
            self._write(self.unkept)

    def _write(self, checkpoint: Checkpoint) -> None:
        self.storage.write(f"{self.prefix}/{CHECKPOINT}", checkpoint.to_bytes())
        _write(self.storage, f"{self.prefix}/{EPOCHS}", checkpoint.facts["history"])


def result_of(job: Job, workload: Workload, storage: Storage) -> Result | None:
    """None where the fit has not ended; what it refused is raised."""
    if storage.exists(f"{job.prefix}/{REFUSED}"):
        raise error_of(json.loads(storage.read(f"{job.prefix}/{REFUSED}")))
    if not storage.exists(f"{job.prefix}/{ENDED}"):
        return None
    ended = json.loads(storage.read(f"{job.prefix}/{ENDED}"))
    raw = json.loads(storage.read(f"{job.prefix}/{MATERIAL}"))
    layout = Layout.from_json(raw["layout"])
    parts = {name: tuple(map(date.fromisoformat, raw["schedule"][name])) for name in ("train", "validation", "test")}
    module = workload.build(job.params, layout)
    history: tuple[Epoch, ...] = ()
    best, loss = 0, None
    checkpoint = _checkpoint(storage, job.prefix)
    if checkpoint is not None:
        module.load_state_dict(checkpoint.group("best"))
        best, history = checkpoint.facts["best"], tuple(Epoch(**epoch) for epoch in checkpoint.facts["history"])
        loss = history[best - 1].train if history[best - 1].validation is None else history[best - 1].validation
    fitted = Fitted(module, history, best, loss, Ended(ended["ended"]), ended["trouble"])
    return Result(
        layout,
        Preparation.from_json(raw["preparation"]),
        Schedule(**parts),
        tuple(raw["windows"]),
        tuple(raw["notes"]),
        fitted,
    )


def epochs_of(job: Job, storage: Storage) -> tuple[Epoch, ...]:
    """Those that are kept so far."""
    key = f"{job.prefix}/{EPOCHS}"
    return tuple(Epoch(**epoch) for epoch in json.loads(storage.read(key))) if storage.exists(key) else ()


def _checkpoint(storage: Storage, prefix: str) -> Checkpoint | None:
    key = f"{prefix}/{CHECKPOINT}"
    return Checkpoint.from_bytes(storage.read(key)) if storage.exists(key) else None


def _material(shard: Shard, notes: Sequence[str]) -> dict[str, Any]:
    return {
        "layout": shard.layout.to_json(),
        "preparation": shard.preparation.to_json(),
        "schedule": {name: [str(day) for day in part] for name, part in vars(shard.schedule).items()},
        "windows": list(shard.windows),
        "notes": list(notes),
    }


def _write(storage: Storage, key: str, record: Any) -> None:
    storage.write(key, json.dumps(record).encode())
