"""LightGBM on the outlooks of many past weeks: by what factor demand came out above or below them.

It starts from the outlook (its logarithm is where boosting begins), so what it can't learn it leaves as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from weekly.demand import HORIZON, Outlook
from weekly.record import Floats, Record

FIRST, STEP = 45, 2  # the first week to learn from: there must be some past before it; and every so many
SETTINGS = {
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 200,
    "lambda_l2": 20.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "num_threads": 1,  # a second thread mostly waits on a shared machine
    "deterministic": True,
    "seed": 1,
    "verbose": -1,
}
ROUNDS = 120
Look = Callable[[int], Outlook]  # of the record as it stood after that many weeks


@dataclass(frozen=True)
class Correction:
    booster: Any

    def logarithm(self, outlook: Outlook) -> Floats:
        """To be added to the outlook's: series × horizon."""
        rows = outlook.features.reshape(-1, outlook.features.shape[2])
        return np.asarray(self.booster.predict(rows, raw_score=True, num_threads=1)).reshape(outlook.mean.shape)


def learn(record: Record, look: Look) -> Correction:
    """From weeks whose demand was seen."""
    import lightgbm

    features, means, targets = [], [], []
    for week in range(record.known - 3, FIRST, -STEP):
        said, ahead = look(week), min(HORIZON, record.known - week)
        seen = record.seen[:, week : week + ahead]
        features.append(said.features[:, :ahead][seen])
        means.append(said.mean[:, :ahead][seen])
        targets.append(record.sales[:, week : week + ahead][seen])
    data = lightgbm.Dataset(
        np.concatenate(features), np.concatenate(targets), init_score=np.log(np.concatenate(means)), params={**SETTINGS}
    )
    settings = {**SETTINGS, "objective": "poisson", "poisson_max_delta_step": 0.3}
    return Correction(lightgbm.train(settings, data, ROUNDS))


def learn_quantile(record: Record, look: Look, level: float, cover: int) -> Callable[[Outlook], Floats]:
    """The plain peer: a quantile of what the next `cover` weeks sell in all, in units of the outlook's sum."""
    import lightgbm

    features, targets, weights = [], [], []
    for week in range(record.known - cover, FIRST, -STEP):
        said = look(week)
        total = said.mean[:, :cover].sum(1)
        seen = np.asarray(record.seen[:, week : week + cover].all(1))
        features.append(said.features[seen, cover - 1])
        targets.append((record.sales[:, week : week + cover].sum(1) / total)[seen])
        weights.append(total[seen])  # a unit is a unit, whichever series lacks it
    rows, wanted, weight = np.concatenate(features), np.concatenate(targets), np.concatenate(weights)
    settings = {**SETTINGS, "objective": "quantile", "alpha": level, "min_data_in_leaf": 50, "lambda_l2": 1.0}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, wanted, weight=weight), ROUNDS)
    return lambda said: np.asarray(
        np.maximum(booster.predict(said.features[:, cover - 1], num_threads=1), 0) * said.mean[:, :cover].sum(1)
    )
