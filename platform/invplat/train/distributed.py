"""A fit by workers on Ray Train: it places them, starts them anew where one dies, and the fit goes on where it was.

All that a fit needs later is in our storage, so nothing of what Ray Train keeps for itself is ever read. The workers'
own part is `train.worker`; without Ray it runs in one process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from invplat.core.errors import InvplatError, SettingRefused, StorageError
from invplat.core.space import Params
from invplat.data.dataset import Dataset
from invplat.model import Model
from invplat.session import connected, quiet, room
from invplat.storage import FolderStorage, ObjectStorage, Storage, open_storage
from invplat.train.exchange import Processes
from invplat.train.loop import Ended, Watch
from invplat.train.material import MOST
from invplat.train.plan import Plan
from invplat.train.training import Trained, concluded
from invplat.train.worker import REFUSED, Job, Result, epochs_of, result_of, work
from invplat.workload import Workload

AGAIN = 3  # times that the workers are started anew after one of them died
LOOK_EVERY = 0.5  # seconds between two looks at how far the fit is
OPTIONS = "INVPLAT_STORAGE_OPTIONS"
QUIET = {  # what Ray Train would count and poll for itself; the fit ends sooner with shorter looks
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
}

Told = Callable[[str], None]


def trained_by_workers(
    workload: Workload,
    datasets: Sequence[Dataset],
    *,
    workers: int,
    gpus: bool = False,
    address: str | None = None,
    params: Params | None = None,
    plan: Mapping[str, Any] | None = None,
    asked: Mapping[str, Any] | None = None,
    whole: bool = False,
    watch: Watch | None = None,
    told: Told = lambda sentence: None,
) -> Trained:
    """As `trained`, by workers that each read some of the stores. `asked`: past, horizon, quantiles, frequency, most.

    A fit that was interrupted goes on from its last epoch when the same is asked again, with however many workers.
    """
    if len(datasets) != 1:
        raise SettingRefused(
            f"workers learn from one business, {len(datasets)} were named",
            hint="leave out --workers and --address to pool several in this process",
        )
    dataset = datasets[0]
    chosen = workload.space.complete(params or {})
    steps = Plan.of(chosen, **{"mixed": gpus, **(plan or {})})
    spec = dict(asked or {})
    most = int(spec.pop("most", MOST))
    job = Job(workload.name, dataset.tenant, dataset.version, chosen, steps.to_json(), spec, most)
    sharding = job.sharding(dataset, workers)
    told(sharding.note)
    count = len(sharding.shards)
    with connected(count, address, gpus=gpus, packages=(type(workload).__module__.split(".")[0],)):
        _check_room(count, gpus)
        run = _Runner(workload, dataset.storage, count, gpus, elastic=address is not None)
        found = run.fit(job, watch, told)
        fitted = found.fitted
        if fitted.ended is Ended.DIVERGED and not fitted.best:
            raise SettingRefused(
                f"{workload.name} learnt nothing: {fitted.trouble}",
                hint=f"try a smaller learning rate than {steps.learning_rate:g}, or look for odd values in the data",
            )
        again = None
        if whole:
            every = replace(job, whole=True, plan=replace(steps, epochs=max(fitted.best, 1), patience=0).to_json())
            told(f"learning again from all of the history, {max(fitted.best, 1)} epochs")
            again = run.fit(every, None, told)
    torch.set_num_threads(1)  # small nets; a second thread mostly waits
    made = concluded(
        _model(workload, job, dataset, found),
        fitted,
        [dataset],
        [found.schedule],
        steps,
        windows=sum(found.windows),
        notes=[*found.notes, _shares(found)],
        openings=int(spec.get("openings", 0)),
        again=None if again is None else lambda epochs: _model(workload, job, dataset, again),
    )
    return made


class _Runner:
    """Fits one after the other on the Ray that this process is connected to."""

    def __init__(self, workload: Workload, storage: Storage, workers: int, gpus: bool, *, elastic: bool) -> None:
        self.workload, self.storage, self.workers, self.gpus, self.elastic = workload, storage, workers, gpus, elastic

    def fit(self, job: Job, watch: Watch | None, told: Told) -> Result:
        self.storage.remove(f"{job.prefix}/{REFUSED}")
        seen = len(epochs_of(job, self.storage))
        if seen:
            told(f"goes on after epoch {seen} of a fit that was interrupted")
        trainer = self._trainer(job)
        failed: list[BaseException] = []

        def fit() -> None:
            try:
                trainer.fit()
            except BaseException as error:
                failed.append(error)

        # In a thread of its own, so that Ctrl-C is ours: Ray Train's own way would end the fit as if it were done.
        thread = threading.Thread(target=fit, daemon=True)
        with quiet(QUIET):
            thread.start()
            while thread.is_alive():
                thread.join(LOOK_EVERY)
                seen = self._tell(job, watch, seen)
        found = result_of(job, self.workload, self.storage)
        if found is None:
            raise _cause(failed[0]) if failed else InvplatError("the fit ended without a result", hint="run it again")
        self.storage.remove(job.prefix)
        return found

    def _tell(self, job: Job, watch: Watch | None, seen: int) -> int:
        if watch is None:
            return seen
        try:
            epochs = epochs_of(job, self.storage)
        except StorageError:  # only the telling is late
            return seen
        for epoch in epochs[seen:]:
            watch(epoch, _no_checkpoint)
        return max(seen, len(epochs))

    def _trainer(self, job: Job) -> Any:
        from ray.train.torch import TorchConfig, TorchTrainer
        from ray.train.v2.api.config import FailureConfig, LoggingConfig, RunConfig, ScalingConfig

        place, files = _place(self.storage, job.prefix)
        trainer: Any = TorchTrainer  # its types name the classes of the version before
        return trainer(
            _worker,
            train_loop_config={
                "job": job.to_json(),
                "workload": self.workload,
                "storage": self.storage.url,
                "options": os.environ.get(OPTIONS),
                "gpus": self.gpus,
            },
            torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if self.gpus else "gloo"),
            scaling_config=ScalingConfig(
                # On a cluster that loses a node for good, fewer go on.
                num_workers=(1, self.workers) if self.elastic and self.workers > 1 else self.workers,
                use_gpu=self.gpus,
                resources_per_worker={"CPU": 1, **({"GPU": 1} if self.gpus else {})},
            ),
            run_config=RunConfig(
                name="workers",
                storage_path=place,
                storage_filesystem=files,
                failure_config=FailureConfig(max_failures=AGAIN),
                logging_config=LoggingConfig(log_level="CRITICAL"),
            ),
        )


def _worker(config: Mapping[str, Any]) -> None:
    """One worker's process."""
    import ray.train.torch

    torch.set_num_threads(1)
    if config["options"]:
        os.environ.setdefault(OPTIONS, config["options"])
    device = str(ray.train.torch.get_device()) if config["gpus"] else "cpu"
    job = Job.from_json(config["job"])
    work(job, open_storage(config["storage"]), Processes(), device=device, workload=config["workload"])


def _check_room(workers: int, gpus: bool) -> None:
    """Ray waits for ever for what does not exist."""
    cpus, there = room()
    exists = f"this Ray has {cpus} processors and {there or 'no'} GPU{'s' if there > 1 else ''}"
    if gpus and there < workers:
        asked = "a GPU was asked for" if workers == 1 else f"{workers} workers ask for a GPU each"
        hint = f"ask for --workers {there}" if there else "leave --gpus out"
        raise SettingRefused(f"{asked}, but {exists}", hint=hint)
    if cpus < workers:
        raise SettingRefused(
            f"{workers} workers ask for a processor each, but {exists}",
            hint=f"ask for --workers {cpus}" if cpus else "start nodes with --num-cpus 1 or more",
        )


def _place(storage: Storage, prefix: str) -> tuple[str, Any]:
    """Where Ray Train may write what it likes; removed with the fit."""
    if isinstance(storage, ObjectStorage):
        from pyarrow.fs import FSSpecHandler, PyFileSystem

        return f"{storage.root}/{prefix}/ray", PyFileSystem(FSSpecHandler(storage.files))
    if isinstance(storage, FolderStorage):
        return str(storage.path(f"{prefix}/ray")), None
    raise SettingRefused(
        f"workers can't read {storage.url}", hint="keep the dataset in a folder or an object store: --storage-url"
    )


def _model(workload: Workload, job: Job, dataset: Dataset, found: Result) -> Model:
    from invplat.train.material import settled

    spec = settled([dataset], **job.asked).spec
    module = found.fitted.module.eval()
    return Model(workload, job.params, spec, found.layout, found.preparation, module)


def _shares(found: Result) -> str:
    if len(found.windows) == 1:
        return "learnt by 1 worker"
    over = max(found.windows) * len(found.windows) / max(sum(found.windows), 1) - 1
    return f"learnt by {len(found.windows)} workers; the heaviest had {over:.1%} more windows than an equal share"


def _cause(error: BaseException) -> BaseException:
    """What a person can do something about, where there is such a thing."""
    failures: Mapping[int, BaseException] = getattr(error, "worker_failures", {})
    if not failures:
        return error
    for failure in failures.values():
        seen: BaseException | None = failure
        while seen is not None:
            if isinstance(seen, InvplatError):
                return seen
            seen = getattr(seen, "cause", None) or seen.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return InvplatError(
        f"the workers died {AGAIN + 1} times: {lines[-1] if lines else type(error).__name__}",
        hint="fewer --workers leave more memory for each; the same command goes on from the last epoch",
    )


def _no_checkpoint() -> Any:
    raise RuntimeError("the workers keep their checkpoints themselves")
