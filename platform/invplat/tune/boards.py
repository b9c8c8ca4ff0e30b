"""A study for the boards that people have open: TensorBoard's event files, and MLflow where MLFLOW_TRACKING_URI is set.

The one comes with Ray Tune's own tensorboardX, no TensorFlow needed; the other is used where it is installed. A board
that can't be reached is said and costs the study nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

from invplat.core.settings import hide_secrets
from invplat.tune.study import Study
from invplat.tune.trial import Finished, State

URI = "MLFLOW_TRACKING_URI"
# MLflow's own patience is minutes, for each call; whoever set these is asked.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
AT_ONCE = 1000  # figures in one call
ENDED = {State.DONE: "FINISHED", State.STOPPED: "FINISHED", State.DIVERGED: "FAILED", State.FAILED: "FAILED"}


def write_events(study: Study, folder: Path) -> list[Path]:
    """A run a trial: its losses by epoch, its params and what came of it, for `tensorboard --logdir`."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.summary import hparams, scalar

    digits = max(4, len(str(len(study.finished))))
    for trial in study.finished:
        run = folder / f"trial_{trial.number:0{digits}d}"
        run.mkdir(parents=True)
        writer = EventsWriter(str(run / "events"))
        values = {name: value for name, value in trial.values.items() if value is not None and isfinite(value)}
        experiment, start, end = hparams(dict(trial.params), {f"metric/{name}": 0.0 for name in study.plan.metrics})
        # A trial that came to nothing has no end there, and is shown as such.
        for summary in (experiment, start, *((end,) if values else ())):
            writer.write_event(Event(summary=summary, wall_time=trial.finished_at))
        for tag, step, value in _scalars(trial, values):
            moment = trial.finished_at - trial.seconds * (1 - step / max(len(trial.validation), 1))
            writer.write_event(Event(summary=scalar(tag, value), step=step, wall_time=moment))
        writer.close()
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _scalars(trial: Finished, values: Mapping[str, float]) -> Iterator[tuple[str, int, float]]:
    for tag, losses in (("loss/train", trial.train), ("loss/validation", trial.validation)):
        yield from ((tag, epoch, loss) for epoch, loss in enumerate(losses, 1) if isfinite(loss))
    yield from ((f"metric/{name}", trial.best, value) for name, value in values.items())


def track(study: Study) -> str:
    """Log the study to MLflow where its address is set, trials that are there already not again; what to tell of it."""
    uri = os.environ.get(URI, "")
    if not uri:
        return ""
    if find_spec("mlflow") is None:
        return f"{URI} is set, but MLflow is not installed, so nothing was logged: pip install mlflow-skinny"
    logged = 0
    try:
        with _patience():
            client: Any = import_module("mlflow").MlflowClient(tracking_uri=uri)
            experiment = _experiment(client, study)
            there = _there(client, experiment)
            for trial in study.finished:
                if str(trial.number) not in there:
                    _log(client, experiment, study, trial)
                    logged += 1
    except Exception as error:  # MLflow's, its store's or the network's: each has a tree of its own
        said = f"{type(error).__name__}: {error}".split("\n")[0]
        return hide_secrets(f"MLflow at {uri} took {logged} of {len(study.finished)} trials, then: {said[:200]}")
    return hide_secrets(f"MLflow at {uri} has the study as experiment invplat/{study.plan.name}, {logged} trials new")


@contextmanager
def _patience() -> Iterator[None]:
    added = {name: value for name, value in PATIENCE.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _experiment(client: Any, study: Study) -> str:
    name = f"invplat/{study.plan.name}"
    found = client.get_experiment_by_name(name)
    tags = {"invplat.workload": study.plan.workload, "invplat.search": study.plan.search}
    return str(found.experiment_id if found is not None else client.create_experiment(name, tags=tags))


def _there(client: Any, experiment: str) -> set[str]:
    """Numbers of the trials that were logged to their end."""
    found: set[str] = set()
    token = None
    while True:
        page = client.search_runs([experiment], "tags.`invplat.complete` = 'yes'", page_token=token)
        found |= {run.data.tags.get("invplat.trial", "") for run in page}
        token = page.token
        if not token:
            return found


def _log(client: Any, experiment: str, study: Study, trial: Finished) -> None:
    entities: Any = import_module("mlflow.entities")
    end, begin = int(1000 * trial.finished_at), int(1000 * (trial.finished_at - trial.seconds))
    tags = {"invplat.trial": str(trial.number), "invplat.state": trial.state.value, "invplat.why": trial.why}
    run = client.create_run(experiment, start_time=begin, tags=tags, run_name=f"{study.plan.name} {trial.number}")
    params = [entities.Param(name, str(value)) for name, value in (*trial.params.items(), ("seed", trial.seed))]
    values = {name: value for name, value in trial.values.items() if value is not None and isfinite(value)}
    metrics = [entities.Metric(tag.replace("/", "_"), value, end, step) for tag, step, value in _scalars(trial, values)]
    client.log_batch(run.info.run_id, params=params)
    for first in range(0, len(metrics), AT_ONCE):
        client.log_batch(run.info.run_id, metrics=metrics[first : first + AT_ONCE])
    client.set_tag(run.info.run_id, "invplat.complete", "yes")
    client.set_terminated(run.info.run_id, ENDED[trial.state], end_time=end)
