"""The published table's rules that are formulas. The first two use the realised lead time, as their authors did."""

from __future__ import annotations

import numpy as np

from deciding.orders import Happened, Known, Numbers


def forecast_rule(known: Known, happened: Happened) -> Numbers:
    """BM1: the forecast's mean day, as often as there are whole days to cover."""
    return np.asarray(known.sf_rnn.mean(axis=1) * np.floor(known.review_period + happened.vlt))


def shortened_rule(known: Known, happened: Happened) -> Numbers:
    """BM2: the same, but of more than nine days every tenth is left out."""
    days = known.review_period + happened.vlt
    whole = np.floor(days)
    return np.asarray(known.sf_rnn.mean(axis=1) * np.where(days <= 9, whole, whole - np.floor(days / 10)))


def normal_rule(known: Known) -> Numbers:
    mean, variance, days = known.demand_mean, known.demand_std**2, known.coverage
    return np.asarray(np.floor(mean * days + 1.64 * np.sqrt(days * variance + variance * known.vendor_vlt_std)))


def gamma_rule(known: Known) -> Numbers:
    from scipy.stats import gamma

    scale = known.demand_std**2 / (known.demand_mean + 1e-4)
    shape = np.floor(known.coverage) * known.demand_mean / (scale + 1e-4)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nan_to_num(np.floor(gamma.ppf(0.9, shape, scale=scale))))
