"""What a net is told of an order, from what was known of it alone: ratios, so that a small SKU teaches a large one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deciding.orders import Known, Mask, Numbers

LITTLE = 0.01  # added to both sides of a ratio: no logarithm of nothing
MOST = 6.0  # standard deviations from the mean of an input, so that a stock of minus 60,000 is only "very low"


@dataclass(frozen=True)
class Inputs:
    values: Numbers  # (orders, inputs)
    until_arrival: Numbers  # units expected to be asked for before the order arrives
    after_arrival: Numbers  # and from then to the end of its review period
    stock: Numbers


def inputs(known: Known, *, forecast: bool) -> Inputs:
    mean, lead, review = known.demand_mean, known.vendor_vlt_mean, known.review_period
    until, after = mean * lead, mean * review
    cover = np.maximum(known.initial_stock, 0.0) / (until + after + LITTLE)
    told = [
        np.log1p(mean),
        share(known.demand_std, mean),
        share(review, np.ones(1)),
        share(lead, np.ones(1)),
        share(known.vendor_vlt_std, lead),
        np.log1p(3 * cover),
        np.minimum(cover, 3.0),
        known.initial_stock > until,
    ]
    if forecast:
        said = known.sf_rnn
        whole, first, average = expected(said, known.coverage), expected(said, lead), said.mean(axis=1)
        told += [
            share(whole, until + after),
            share(first, until),
            share(average, mean),
            share(said[:, :7].mean(axis=1), mean),
            share(said.std(axis=1), average),
            share(said.max(axis=1), average),
        ]
        until, after = (until + first) / 2, (after + whole - first) / 2
    values = np.stack([np.asarray(one, np.float64) for one in told], axis=1)
    return Inputs(values, until + 1, after + 1, known.initial_stock)


def share(part: Numbers, whole: Numbers) -> Numbers:
    """A ratio's logarithm, finite where nothing was ever asked for."""
    return np.log(part + LITTLE) - np.log(whole + LITTLE)


def expected(forecast: Numbers, days: Numbers) -> Numbers:
    """The forecast's sum over so many days, a part of a day by its share, never further than it looks."""
    sums = np.hstack([np.zeros((len(forecast), 1)), np.cumsum(forecast, axis=1)])
    reach = np.clip(days, 0, forecast.shape[1])
    whole = np.minimum(reach.astype(np.int64), forecast.shape[1] - 1)
    row = np.arange(len(forecast))
    return np.asarray(sums[row, whole] + (reach - whole) * forecast[row, whole])


def standard(values: Numbers, learnt: Mask) -> Numbers:
    """Centred and scaled by the rows that are learnt from, no others."""
    mine = values[learnt]
    return np.asarray(np.clip((values - mine.mean(axis=0)) / (mine.std(axis=0) + 1e-9), -MOST, MOST))
