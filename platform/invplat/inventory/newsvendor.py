"""One order for one season: how much to have when holding a unit costs h and lacking one costs b.

The answer is the b / (h + b) quantile of demand, whatever demand's distribution; loss functions say what is expected to
be short. Vectorised over items. Knows nothing of periods: hand it the demand of the whole time that a decision covers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from invplat.core.errors import FigureRefused
from invplat.inventory.checks import above, at_least

Numbers = npt.NDArray[np.float64]


class Newsvendor(NamedTuple):
    quantity: Numbers
    cost: Numbers  # expected, of what is left and what is short


def critical_ratio(holding: npt.ArrayLike, shortage: npt.ArrayLike) -> Numbers:
    """The service level that pays: b / (h + b)."""
    h, b = _costs(holding, shortage)
    return np.asarray(b / (h + b))


def newsvendor_normal(
    holding: npt.ArrayLike, shortage: npt.ArrayLike, mean: npt.ArrayLike, deviation: npt.ArrayLike
) -> Newsvendor:
    h, b = _costs(holding, shortage)
    mu, sigma = numbers(mean), numbers(deviation)
    at_least(0, mean=mu, deviation=sigma)
    score = special.ndtri(b / (h + b))
    return Newsvendor(np.asarray(mu + score * sigma), np.asarray((h + b) * density(score) * sigma))


def newsvendor_poisson(holding: npt.ArrayLike, shortage: npt.ArrayLike, mean: npt.ArrayLike) -> Newsvendor:
    h, b = _costs(holding, shortage)
    mu = numbers(mean)
    at_least(0, mean=mu)
    quantity = poisson_quantile(b / (h + b), mu)
    short = poisson_loss(quantity, mu)
    return Newsvendor(quantity, np.asarray(h * (quantity - mu + short) + b * short))


def newsvendor_empirical(holding: npt.ArrayLike, shortage: npt.ArrayLike, sample: npt.ArrayLike) -> Newsvendor:
    """From seen or drawn demands, items × draws (or just draws): the smallest draw that is enough often enough."""
    h, b = _costs(holding, shortage)
    draws = np.sort(numbers(sample), axis=-1)
    if draws.shape[-1] == 0:
        raise FigureRefused("an empty sample of demand", hint="give one demand at least")
    count = draws.shape[-1]
    place = np.clip(np.ceil(np.asarray(b / (h + b)) * count - 1e-9).astype(np.int64) - 1, 0, count - 1)
    place = np.broadcast_to(place, draws.shape[:-1])
    quantity = np.take_along_axis(draws, place[..., None], -1)
    over = np.maximum(quantity - draws, 0).mean(-1)
    under = np.maximum(draws - quantity, 0).mean(-1)
    return Newsvendor(quantity[..., 0], np.asarray(h * over + b * under))


def poisson_quantile(level: npt.ArrayLike, mean: npt.ArrayLike) -> Numbers:
    """The smallest whole number that Poisson demand stays within with that chance."""
    mu = numbers(mean)
    guess = np.ceil(special.pdtrik(level, np.maximum(mu, 1e-12)))
    lower = np.maximum(guess - 1, 0)  # pdtrik solves for real numbers, so its answer may be one too high
    found = np.where(special.pdtr(lower, mu) >= level, lower, np.maximum(guess, 0))
    return np.asarray(np.where(mu == 0, 0.0, found))


def normal_loss(stock: npt.ArrayLike, mean: npt.ArrayLike, deviation: npt.ArrayLike) -> Numbers:
    """What normal demand is expected to lack with that stock."""
    x, mu, sigma = numbers(stock), numbers(mean), numbers(deviation)
    at_least(0, deviation=sigma)
    score = (x - mu) / np.where(sigma > 0, sigma, 1.0)
    spread = sigma * (density(score) - score * special.ndtr(-score))
    return np.asarray(np.where(sigma > 0, spread, np.maximum(mu - x, 0)))


def poisson_loss(stock: npt.ArrayLike, mean: npt.ArrayLike) -> Numbers:
    """What Poisson demand is expected to lack with that whole stock."""
    x, mu = np.floor(numbers(stock)), numbers(mean)
    at_least(0, stock=x, mean=mu)
    # E[D; D > x] = mean · P(D ≥ x), which is P(D > x - 1) of the same Poisson.
    at_or_above = np.where(x > 0, special.pdtrc(np.maximum(x - 1, 0), mu), 1.0)
    return np.asarray(mu * at_or_above - x * special.pdtrc(x, mu))


def empirical_loss(stock: npt.ArrayLike, sample: npt.ArrayLike) -> Numbers:
    """What the draws (items × draws) lack on average with that stock."""
    return np.asarray(np.maximum(numbers(sample) - numbers(stock)[..., None], 0).mean(-1))


def density(score: Numbers) -> Numbers:
    """Of the standard normal."""
    return np.asarray(np.exp(-0.5 * score**2) / np.sqrt(2 * np.pi))


def numbers(given: npt.ArrayLike) -> Numbers:
    return np.asarray(given, np.float64)


def _costs(holding: npt.ArrayLike, shortage: npt.ArrayLike) -> tuple[Numbers, Numbers]:
    h, b = numbers(holding), numbers(shortage)
    above(0, holding=h, shortage=b)
    return h, b
