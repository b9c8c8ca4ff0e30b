"""Studies without nets: a plan, a space, and trials whose loss is a formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log10
from typing import Any

from invplat.core.space import Choice, Params, Space, Uniform
from invplat.tune.plan import StudyPlan
from invplat.tune.search import Search, Wait, search_of
from invplat.tune.trial import Asked, Finished, Pack, State

SPACE = Space(
    {
        "hidden": Choice((16, 32, 64, 128), default=32, shape=True),
        "rate": Uniform(1e-5, 1e-1, default=1e-3, log=True, grid=(1e-4, 1e-3, 1e-2)),
        "dropout": Uniform(0.0, 0.5, default=0.1, grid=(0.0, 0.2)),
        "batch_size": Choice((64, 256), default=256),
    }
)
Loss = Callable[[Params], float]


def plan_of(**given: Any) -> StudyPlan:
    return replace(
        StudyPlan(
            name="autumn",
            workload="mlp",
            datasets=(("shop", 3),),
            search="bayes",
            trials=32,
            metrics=("pinball",),
            scheduler="none",
            epochs=9,
            patience=3,
            seed=7,
            max_concurrent=2,
            space=SPACE,
            spec={"past": 56, "quantiles": (0.1, 0.5)},
            code="0.1.0",
        ),
        **given,
    )


def bowl(params: Params) -> float:
    """Least at a rate of 0.003 and 64 hidden."""
    hidden, rate = float(params["hidden"]), float(params["rate"])
    return 1 + (log10(rate) + 2.5) ** 2 + (log10(hidden / 64)) ** 2 + float(params["dropout"])


def ended(trial: Asked, pack: int, loss: float | None = 1.0, state: State = State.DONE, **given: Any) -> Finished:
    curve = () if loss is None else (3 * loss, 2 * loss, loss)
    made = Finished(
        number=trial.number,
        pack=pack,
        params=trial.params,
        seed=trial.seed,
        state=state,
        why="all epochs done",
        values={"pinball": loss},
        loss=loss,
        best=len(curve),
        train=curve,
        validation=curve,
        seconds=0.5,
        finished_at=1_700_000_000.25,
        where="here",
    )
    return replace(made, **given)


def trained(pack: Pack, loss: Loss = bowl) -> list[Finished]:
    return [ended(trial, pack.number, loss(trial.params)) for trial in pack.trials]


def carried_out(
    search: Search, *, at_once: int = 2, late: int = 0, loss: Loss = bowl
) -> tuple[list[Pack], list[Finished]]:
    """All packs of a search and what became of them; `late`: which of those that run ends first."""
    packs: list[Pack] = []
    finished: list[Finished] = []
    running: list[Pack] = []
    while True:
        asked = search.ask() if len(running) < at_once else Wait.WAIT
        if isinstance(asked, Pack):
            packs.append(asked)
            running.append(asked)
        elif running:
            pack = running.pop(late % len(running))
            results = trained(pack, loss)
            search.tell(pack.number, results)
            finished += results
        elif asked is None:
            return packs, finished


def study(
    width: int = 4, *, at_once: int = 2, late: int = 0, loss: Loss = bowl, **given: Any
) -> tuple[list[Pack], list[Finished]]:
    return carried_out(search_of(plan_of(**given), lambda params: width), at_once=at_once, late=late, loss=loss)
