"""A study's packs on Ray Tune, which places them, runs them again where a process or a node dies, and stops them.

To Ray Tune a pack is one trial. Which pack is next, and what is written down, is the driver's business, in the process
that began the study: nothing of what Ray keeps for itself is ever read again.
"""

from __future__ import annotations

import json
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
import torch
from ray import tune
from ray.tune import Callback, CheckpointConfig, FailureConfig, RunConfig, Trainable, TuneConfig, Tuner
from ray.tune.search import Searcher

from invplat.core.errors import InvplatError, SettingRefused
from invplat.session import quiet, room
from invplat.tune.driver import Driver, Run, trouble
from invplat.tune.trial import Finished, Pack

AGAIN = 3  # times that a pack whose process died is run anew, before the pack is taken for the culprit
LOOK_EVERY = 0.5  # seconds between two looks at how far the study is
QUIET = {  # what Ray Tune would print, write and save for itself
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}


def run(driver: Driver, make: Callable[[], Run], *, gpus: bool = False) -> None:
    """Until nothing is left, or the time is over, on the Ray that this process is connected to.

    `make`, and all that it holds, is sent to each node once and called once in each process. With `gpus` each pack has
    a GPU of its own.
    """
    at_once = driver.plan.max_concurrent
    check_room(1, gpus)
    floor = _Floor(driver)
    with (
        quiet({**QUIET, "TUNE_MAX_PENDING_TRIALS_PG": str(at_once)}),
        _interrupts(floor),
        tempfile.TemporaryDirectory(prefix="invplat-tune-") as folder,
    ):
        with _sending_tensors():
            sent = ray.put(make)
        tuner = Tuner(
            tune.with_resources(type("Packs", (_Packs,), {"sent": sent}), {"cpu": 1, "gpu": int(gpus)}),
            tune_config=TuneConfig(
                search_alg=_Asking(floor),
                num_samples=-1,
                reuse_actors=True,
                trial_name_creator=_name,
                trial_dirname_creator=_name,
            ),
            run_config=RunConfig(
                name="packs",
                storage_path=folder,
                verbose=0,
                failure_config=FailureConfig(max_failures=AGAIN),
                checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
                callbacks=[_Watching(floor)],
            ),
        )
        try:
            tuner.fit()
        except Exception:
            if floor.wrong is None:
                raise
    if floor.wrong is not None:
        raise floor.wrong


def check_room(at_once: int, gpus: bool) -> None:
    """Ray waits for ever for what does not exist."""
    cpus, there = room()
    exists = f"this Ray has {cpus} processors and {there or 'no'} GPU{'s' if there > 1 else ''}"
    if gpus and there < at_once:
        asked = "a GPU was asked for" if at_once == 1 else f"{at_once} packs at once ask for {at_once} GPUs"
        hint = f"ask for --max-concurrent {there}" if there else "leave --gpus out"
        raise SettingRefused(f"{asked}, but {exists}", hint=hint)
    if cpus < 1:
        raise SettingRefused(f"a pack needs a processor, but {exists}", hint="start nodes with --num-cpus 1 or more")


class _Packs(Trainable):
    """A process that runs one pack after another."""

    sent: Any = None  # where `make` lies in Ray's memory
    made: Run | None = None

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        return True

    def step(self) -> dict[str, Any]:
        """A pack that fails by itself would fail again: it is told of, and nothing is thrown."""
        try:
            if self.made is None:
                torch.set_num_threads(1)
                self.made = ray.get(self.sent)()
            finished = self.made(Pack.from_json(json.loads(self.config["pack"])))
        except Exception as error:
            return {"done": True, "trouble": trouble(error)}
        return {"done": True, "finished": json.dumps([trial.to_json() for trial in finished])}


class _Floor:
    """Which of Ray's trials is which pack, and what went wrong here: Ray Tune would go on with an error of ours."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.packs: dict[str, int] = {}  # by Ray's trial
        self.actors: dict[str, Any] = {}
        self.deaths: Counter[int] = Counter()  # of processes that were to run a pack
        self.again: list[int] = []  # packs to be handed out once more
        self.wrong: BaseException | None = None
        self._looked = 0.0

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Ray Tune saves all that it is given; nobody reads it."""
        return object, ()

    @contextmanager
    def noting(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.wrong = self.wrong or error

    def ask(self, trial_id: str) -> dict[str, Any] | str | None:
        if self.wrong is not None:
            return None
        with self.noting():
            pack = self.driver.running[self.again.pop(0)] if self.again else self.driver.next()
            if isinstance(pack, Pack):
                self.packs[trial_id] = pack.number
                return {"pack": json.dumps(pack.to_json())}
            if pack is None:  # what still runs may have to be handed out again
                return None if self.driver.running else str(Searcher.FINISHED)
            if not self.driver.running:
                raise InvplatError("the search waits for packs, and none is running")  # else Ray Tune waits for ever
        return None

    def done(self, trial_id: str, result: dict[str, Any]) -> None:
        with self.noting():
            pack = self.packs[trial_id]
            if "finished" in result:
                told = [Finished.from_json(raw) for raw in json.loads(result["finished"])]
                self.driver.done(pack, told)
            else:
                self.driver.lost(pack, result["trouble"])

    def lost(self, trial_id: str, deaths: int, why: str) -> None:
        """Ray Tune gives a pack up at once whose process died between two packs, when nobody looked: that is no fault
        of the pack."""
        if trial_id not in self.packs:
            return
        with self.noting():
            pack = self.packs[trial_id]
            self.deaths[pack] += max(deaths, 1)
            if self.deaths[pack] <= AGAIN:
                self.again.append(pack)
            else:
                self.driver.lost(pack, why)

    def look(self) -> None:
        """At each turn of Ray Tune: how far is it, and is there a reason to end at once?"""
        if self.wrong is not None:
            for actor in self.actors.values():
                ray.kill(actor)  # a pack may have minutes to go
            raise RuntimeError("the study has ended")  # Ray Tune tidies up after an error, but not after Ctrl-C
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self._looked = time.monotonic()
            self.driver.tell()


class _Asking(Searcher):
    def __init__(self, floor: _Floor) -> None:
        super().__init__()
        self._floor = floor

    def suggest(self, trial_id: str) -> Any:
        return self._floor.ask(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        if result is not None and not error:
            self._floor.done(trial_id, result)

    def save(self, checkpoint_path: str) -> None:
        """The record is what is gone on with."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing was saved beside it."""


class _Watching(Callback):
    def __init__(self, floor: _Floor) -> None:
        self._floor = floor

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._floor.look()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._floor.actors[trial.trial_id] = trial.temporary_state.ray_actor

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._floor.lost(trial.trial_id, trial.num_failures, _why(trial))


def _why(trial: Any) -> str:
    """Ray's long account of a pack that could not be run, in a line."""
    said = str(trial.get_error() or "")
    if "ActorDiedError" in said or "ActorUnavailableError" in said or not said:
        return f"its process died {AGAIN + 1} times, perhaps for want of memory"
    return [line for line in said.splitlines() if line.strip()][-1].strip()


def _name(trial: Any) -> str:
    return str(trial.trial_id)


@contextmanager
def _interrupts(floor: _Floor) -> Iterator[None]:
    """Ctrl-C, or a cluster's wish, ends the study at Ray Tune's next turn, where its processes can be ended with it; a
    second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(*_: Any) -> None:
        if isinstance(floor.wrong, KeyboardInterrupt):
            raise KeyboardInterrupt
        floor.wrong = KeyboardInterrupt()

    before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: Ray's own, which Python can't put back


@contextmanager
def _sending_tensors() -> Iterator[None]:
    """Tensors travel as arrays, which Ray shares by memory; each process makes its own of them: a net may write into
    what it was given. As they come, they would be pickled byte by byte, twenty times slower."""
    ray.util.register_serializer(torch.Tensor, serializer=_array, deserializer=_tensor)
    try:
        yield
    finally:
        ray.util.deregister_serializer(torch.Tensor)


def _array(tensor: torch.Tensor) -> Any:
    return _bytes(tensor.detach().cpu().contiguous()), tensor.dtype, tensor.shape


def _tensor(sent: Any) -> torch.Tensor:
    data, dtype, shape = sent
    found = torch.empty(shape, dtype=dtype)
    _bytes(found)[:] = data
    return found


def _bytes(tensor: torch.Tensor) -> Any:
    """The same memory, as NumPy does not know every dtype."""
    return tensor.reshape(-1).view(torch.uint8).numpy()
