"""Ray Tune as its own users set it up: Optuna asks, ASHA stops, one configuration a trial, processes are reused.

The net, the data, the loop and the epochs are the platform's own, so only the way of tuning differs.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from ray import tune
from ray.tune import Callback, CheckpointConfig, RunConfig, Trainable, TuneConfig, Tuner
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.optuna import OptunaSearch

from invplat.core.space import Choice, Integer, Space
from invplat.train.loop import Run
from invplat.train.plan import Plan
from tuning.tables import Table

QUIET = {"RAY_AIR_NEW_OUTPUT": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "TUNE_GLOBAL_CHECKPOINT_S": "1000000"}


@dataclass
class Ran:
    seconds: float
    best: float
    losses: list[tuple[float, float]] = field(default_factory=list)  # seconds since the start, best so far
    arithmetic: float = 0.0  # seconds of training, all processes together
    epochs: int = 0

    def until(self, loss: float) -> float | None:
        return next((at for at, best in self.losses if best <= loss), None)


class OneTrial(Trainable):
    def setup(self, config: dict[str, Any], task: Table | None = None) -> None:
        assert task is not None
        torch.set_num_threads(1)
        self.task = task
        self.begin(config)

    def begin(self, config: dict[str, Any]) -> None:
        given = dict(config)
        epochs, seed = given.pop("epochs"), given.pop("seed")
        task = self.task
        params = task.workload.space.complete(given)
        plan = Plan.of(params, epochs=epochs, patience=0, seed=seed, order=seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = task.workload.build(params, task.layout)
        self.fit = Run(task.workload, task.layout, net, task.train, task.validation, plan, "cpu")

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        began = time.perf_counter()
        _, bad = self.fit.epoch(self.iteration + 1)
        loss = self.fit.judge()
        lost = bool(bad) or loss is None or not loss < float("inf")
        return {"loss": 1e9 if lost else loss, "spent": time.perf_counter() - began, "at": time.time()}


class Heard(Callback):
    def __init__(self) -> None:
        self.rows: list[tuple[float, float, float]] = []

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any) -> None:
        self.rows.append((result["at"], result["loss"], result["spent"]))


def plain(task: Table, space: Space, *, trials: int, epochs: int, seed: int, at_once: int, halving: bool) -> Ran:
    os.environ.update(QUIET)
    asked = {name: _dimension(dimension) for name, dimension in space.dimensions.items()}
    heard = Heard()
    with tempfile.TemporaryDirectory() as folder:
        tuner = Tuner(
            tune.with_resources(tune.with_parameters(OneTrial, task=task), {"cpu": 1}),
            param_space={**asked, "epochs": epochs, "seed": seed},
            tune_config=TuneConfig(
                metric="loss",
                mode="min",
                search_alg=ConcurrencyLimiter(OptunaSearch(seed=seed), max_concurrent=at_once),
                scheduler=ASHAScheduler(max_t=epochs, grace_period=1, reduction_factor=3) if halving else None,
                num_samples=trials,
                reuse_actors=True,
            ),
            run_config=RunConfig(
                storage_path=folder,
                verbose=0,
                callbacks=[heard],
                stop={"training_iteration": epochs},
                checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        began, clock = time.time(), time.perf_counter()
        tuner.fit()
        seconds = time.perf_counter() - clock
    return _told(seconds, [(at - began, loss, spent) for at, loss, spent in heard.rows])


def _told(seconds: float, rows: list[tuple[float, float, float]]) -> Ran:
    best, losses = float("inf"), []
    for at, loss, _ in sorted(rows):
        best = min(best, loss)
        losses.append((at, best))
    return Ran(seconds, best, losses, sum(spent for *_, spent in rows), len(rows))


def _dimension(dimension: Any) -> Any:
    if isinstance(dimension, Choice):
        return tune.choice(list(dimension.options))
    if isinstance(dimension, Integer):
        return (
            tune.lograndint(dimension.low, dimension.high)
            if dimension.log
            else tune.randint(dimension.low, dimension.high + 1)
        )
    return (tune.loguniform if dimension.log else tune.uniform)(dimension.low, dimension.high)
