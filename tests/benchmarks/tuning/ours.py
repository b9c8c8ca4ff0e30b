"""The platform's own search on the same table: packs asked of TPE, trained as one, placed by Ray Tune."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from invplat.core.space import Space
from invplat.tune import trials as door
from invplat.tune.driver import Driver, Run
from invplat.tune.packs import Runner
from invplat.tune.plan import StudyPlan
from invplat.tune.search import search_of
from invplat.tune.trial import Finished, Pack
from invplat.tune.width import Widths, widest
from tuning.plain import Ran
from tuning.tables import Table


class Unkept:
    """Nothing is written down: the other side writes nothing either."""

    def asked(self, pack: Pack) -> None:
        pass

    def done(self, pack: Pack, finished: Sequence[Finished]) -> None:
        pass


def maker(task: Table, plan: StudyPlan) -> Callable[[], Run]:
    def make() -> Run:
        return Runner.of(task, plan)  # type: ignore[arg-type]

    return make


def ours(task: Table, space: Space, *, trials: int, epochs: int, seed: int, at_once: int, halving: bool) -> Ran:
    plan = StudyPlan(
        name="bench",
        workload=task.workload.name,
        datasets=(),
        search="bayes",
        trials=trials,
        metrics=("pinball",),
        scheduler="asha" if halving else "none",
        epochs=epochs,
        patience=0,
        seed=seed,
        max_concurrent=at_once,
        space=space,
    )
    began, clock = time.time(), time.perf_counter()
    search = search_of(plan, Widths(task, most=widest(plan)))  # type: ignore[arg-type]
    driver = Driver(plan, search, Unkept())
    door.run(driver, maker(task, plan))
    seconds = time.perf_counter() - clock
    best, losses = float("inf"), []
    for trial in sorted(driver.finished, key=lambda trial: trial.finished_at):
        best = min(best, trial.loss if trial.loss is not None else best)
        losses.append((trial.finished_at - began, best))
    spent = sum(trial.seconds for trial in driver.finished)
    return Ran(seconds, best, losses, spent, sum(len(trial.train) for trial in driver.finished))
