"""Who is judged by whom: folds that keep a group together, levels of held-out orders only, and how sure a mean is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deciding.inputs import Inputs
from deciding.nets import Plan, learn
from deciding.orders import Mask, Numbers, Places
from deciding.replay import Replay

FOLDS = 5
INNER = 5  # every net leaves out one part in five of the groups that it may learn from
DRAWS = 10_000


def groups(names: Sequence[str]) -> Places:
    """Numbers for names, by first appearance."""
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return np.array([number[name] for name in names], np.int64)


def family(sku: str) -> str:
    """Products of neighbouring numbers in all their warehouses: what may well be variants of one thing."""
    return sku.split("#")[0][:-2]


def held_out_levels(given: Inputs, replay: Replay, group: Places, plan: Plan, seed: int) -> Numbers:
    """Each order's level by nets that learnt without any order of its fold: the mean of the fold's nets."""
    chance = np.random.default_rng(seed)
    count = int(group.max()) + 1
    fold = (chance.permutation(count) % FOLDS)[group]
    learnt: list[Mask] = []
    for number in range(FOLDS):
        for member in range(plan.members):
            if member % INNER == 0:
                part = (chance.permutation(count) % INNER)[group]
            learnt.append((fold != number) & (part != member % INNER))
    said = learn(given, replay, learnt, plan, seed).reshape(FOLDS, plan.members, -1).mean(axis=1)
    return np.asarray(said[fold, np.arange(len(group))])


def interval(values: Numbers, *, seed: int = 0, sure: float = 0.95) -> tuple[float, float]:
    """Of the mean, by drawing SKUs with replacement."""
    chance = np.random.default_rng(seed)
    means = [values[chance.integers(len(values), size=len(values))].mean() for _ in range(DRAWS)]
    low, high = np.quantile(means, [(1 - sure) / 2, (1 + sure) / 2])
    return float(low), float(high)
