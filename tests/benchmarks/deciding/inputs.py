"""What a net is told of an order, from what was known of it alone: ratios, so that a small SKU teaches a large one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deciding.orders import Known, Mask, Numbers

MOST = 6.0  # standard deviations from the mean of an input, so that a stock of minus 60,000 is only "very low"


@dataclass(frozen=True)
class Inputs:
    values: Numbers  # (orders, inputs)
    until_arrival: Numbers  # units expected to be asked for before the order arrives
    after_arrival: Numbers  # and from then to the end of its review period
    stock: Numbers


def inputs(known: Known, *, forecast: bool) -> Inputs:
    mean, spread, days = known.demand_mean, known.demand_std, known.coverage
    lead, review, vary = known.vendor_vlt_mean, known.review_period, known.vendor_vlt_std
    total = mean * days
    stock = np.maximum(known.initial_stock, 0.0)
    uncertain = np.sqrt(days * spread**2 + mean**2 * vary**2)
    told = [
        np.log1p(mean),
        np.log(spread / mean),
        np.log(review),
        np.log(lead),
        np.log(vary / lead),
        np.log(days),
        review / days,
        np.log1p(3 * stock / total),
        np.minimum(stock / total, 3.0),
        np.log(1 + 1.64 * uncertain / total),
        known.initial_stock < 0,
        stock > mean * lead,
        np.log1p(stock),
        np.sqrt(days) * spread / total,
    ]
    until, after = mean * lead, mean * review
    if forecast:
        said = known.sf_rnn
        whole, first = expected(said, days), expected(said, lead)
        week, average = said[:, :7].mean(axis=1), said.mean(axis=1)
        told += [
            np.log(whole / total),
            np.log(average / mean),
            np.log(week / mean),
            np.log(said[:, 7:14].mean(axis=1) / week),
            np.log(first / until),
            said.std(axis=1) / average,
            said.max(axis=1) / average,
            np.log((whole - first) / after),
            np.log1p(whole),
            np.log(expected(said, lead + vary) / whole),
        ]
        until, after = (until + first) / 2, (after + whole - first) / 2
    return Inputs(
        np.stack([np.asarray(one, np.float64) for one in told], axis=1), until + 1, after + 1, known.initial_stock
    )


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
