"""A study as it might have come out, in no time: 64 trials of the MLP's space on a made-up response. For tests only."""

from __future__ import annotations

from math import log10, nan

import numpy as np

from invplat.core.space import Choice, Integer, Params, Space, Uniform, Value
from invplat.tune.plan import StudyPlan
from invplat.tune.study import Study
from invplat.tune.trial import Finished, State

SPACE = Space(
    {
        "hidden_one": Choice((32, 64, 128, 256, 512), default=128, shape=True),
        "hidden_two": Choice((32, 64, 128, 256, 512), default=128, shape=True),
        "dropout_one": Uniform(0.0, 0.5, default=0.1),
        "dropout_two": Uniform(0.0, 0.5, default=0.1),
        "learning_rate": Uniform(1e-5, 1e-1, default=1e-3, log=True),
        "batch_size": Choice((16, 32, 64, 128, 256, 512), default=256),
    }
)
MIXED = Space(
    {
        **SPACE.dimensions,
        "activation": Choice(("relu", "gelu", "tanh"), default="relu"),
        "residual": Choice((False, True), default=False),
        "layers": Integer(1, 6, default=2, shape=True),
    }
)
START = 1_790_000_000.0
EPOCHS = 30


def made_plan(
    trials: int | None = 64, metrics: tuple[str, ...] = ("pinball",), space: Space = SPACE, search: str = "bayes"
) -> StudyPlan:
    return StudyPlan(
        name="autumn",
        workload="mlp",
        datasets=(("corner-shop", 3), ("night-shop", 1)),
        search=search,
        trials=trials,
        metrics=metrics,
        scheduler="asha",
        epochs=EPOCHS,
        patience=5,
        seed=0,
        max_concurrent=2,
        space=space,
        spec={"past": 56, "horizon": 28},
        code="0.1.0",
    )


def made_study(
    trials: int = 64,
    *,
    asked: int | None = None,
    metrics: tuple[str, ...] = ("pinball",),
    space: Space = SPACE,
    seed: int = 0,
    width: int = 8,
    default: bool = True,
) -> Study:
    """The first trial is that of the default params; later ones come nearer to the best, as a search's do."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(trials):
        params = space.defaults if default and number == 0 else _drawn(space, random, number / max(trials, 1))
        found.append(_finished(number, params, metrics, random, width, min(width, trials - number // width * width)))
    return Study.of(made_plan(asked or trials, metrics, space), found)


def _drawn(space: Space, random: np.random.Generator, late: float) -> dict[str, Value]:
    params: dict[str, Value] = {}
    for name, dimension in space.dimensions.items():
        if isinstance(dimension, Choice):
            params[name] = dimension.options[int(random.integers(len(dimension.options)))]
        elif isinstance(dimension, Integer):
            params[name] = int(random.integers(dimension.low, dimension.high + 1))
        elif dimension.log:
            near = random.random() < 0.7 * late
            place = random.normal(-2.6, 0.35) if near else random.uniform(log10(dimension.low), log10(dimension.high))
            params[name] = float(np.clip(10**place, dimension.low, dimension.high))
        else:
            params[name] = float(random.uniform(dimension.low, dimension.high))
    return params


def response(params: Params) -> float:
    """Best at a learning rate of 0.0025, a wide first layer and little dropout; nothing else matters much."""
    rate, wide = log10(float(params["learning_rate"])), log10(float(params["hidden_one"]))
    dropped = float(params["dropout_one"])
    return 0.42 + 0.055 * (rate + 2.6) ** 2 + 0.045 * (2.7 - wide) + 0.12 * (dropped - 0.15) ** 2


def _finished(
    number: int, params: dict[str, Value], metrics: tuple[str, ...], random: np.random.Generator, width: int, mates: int
) -> Finished:
    rate = log10(float(params["learning_rate"]))
    final = response(params) + 0.006 * random.standard_normal()
    epochs = np.arange(1, EPOCHS + 1)
    pace = 2 + 6 * abs(rate + 2.6)
    curve = final + 0.5 * np.exp(-epochs / pace) + 0.003 * random.standard_normal(EPOCHS)
    best = int(np.argmin(curve)) + 1
    state, why = State.DONE, "all epochs done"
    if rate > -1.5 and random.random() < 0.75:
        state, why = State.DIVERGED, f"loss was not finite in epoch {(lost := int(random.integers(2, 6)))}"
        curve = np.append(final + np.cumsum(random.random(lost)), nan)
        best = 1
    elif final > 0.56 and number >= width:
        state, why = State.STOPPED, "others had a smaller loss after 3 epochs"
        curve = curve[:3]
        best = 3
    loss = None if state is State.DIVERGED else float(curve[best - 1])
    size = 60 * int(params["hidden_one"]) + int(params["hidden_one"]) * int(params["hidden_two"]) + 900
    values: dict[str, float | None] = {"pinball": loss, "size": float(size), "cost": loss and 900 * loss}
    if loss is None:
        values = dict.fromkeys(values)
    pack = number // width
    return Finished(
        number=number,
        pack=pack,
        params=params,
        seed=1000 + number,
        state=state,
        why=why,
        values={metric: values[metric] for metric in metrics},
        loss=loss,
        best=best,
        train=tuple(float(value) for value in curve * 0.95),
        validation=tuple(float(value) for value in curve),
        seconds=12.0 / mates,
        finished_at=START + 12.0 * (pack + 1) + 0.1 * (number % width),
        where=("alpha", "beta")[pack % 2],
    )
