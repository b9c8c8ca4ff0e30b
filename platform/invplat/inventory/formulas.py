"""The arithmetic of stock: order quantity, safety stock, reorder point, levels, turnover, holding cost, service.

Every function takes a number or an array, one entry an item, and broadcasts. Time is in one unit of the caller's
choice throughout. Knows nothing of a distribution other than the normal where a service level needs one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from invplat.inventory.checks import above, at_least, share
from invplat.inventory.newsvendor import Numbers, normal_loss, numbers


class OrderQuantity(NamedTuple):
    quantity: Numbers
    cost: Numbers  # of ordering and holding, per unit of time


def economic_order_quantity(fixed: npt.ArrayLike, holding: npt.ArrayLike, demand: npt.ArrayLike) -> OrderQuantity:
    """EOQ: `fixed` cost of an order, `holding` cost of a unit and time, `demand` per time."""
    k, h, rate = numbers(fixed), numbers(holding), numbers(demand)
    at_least(0, **{"fixed cost": k, "demand": rate})
    above(0, **{"holding cost": h})
    quantity = np.asarray(np.sqrt(2 * k * rate / h))
    return OrderQuantity(quantity, np.asarray(h * quantity))


def order_cost(quantity: npt.ArrayLike, fixed: npt.ArrayLike, holding: npt.ArrayLike, demand: npt.ArrayLike) -> Numbers:
    """What ordering `quantity` at a time costs per time, in place of the EOQ."""
    q = numbers(quantity)
    above(0, quantity=q)
    return np.asarray(numbers(fixed) * numbers(demand) / q + numbers(holding) * q / 2)


def deviation_over(
    interval: npt.ArrayLike,
    deviation: npt.ArrayLike,
    mean: npt.ArrayLike = 0.0,
    interval_deviation: npt.ArrayLike = 0.0,
) -> Numbers:
    """Standard deviation of the demand over an interval that is itself uncertain.

    `mean` and `deviation` are of the demand in one period; variances add: interval · σ² + mean² · σ_interval².
    """
    length, sigma, mu, wobble = numbers(interval), numbers(deviation), numbers(mean), numbers(interval_deviation)
    at_least(0, interval=length, deviation=sigma, mean=mu, **{"deviation of the interval": wobble})
    return np.asarray(np.sqrt(length * sigma**2 + mu**2 * wobble**2))


def safety_stock(
    service: npt.ArrayLike,
    deviation: npt.ArrayLike,
    lead: npt.ArrayLike,
    *,
    mean: npt.ArrayLike = 0.0,
    lead_deviation: npt.ArrayLike = 0.0,
    review: npt.ArrayLike = 0.0,
) -> Numbers:
    """Stock above the mean that keeps a cycle without stockout with chance `service`.

    The interval to be safe over is the lead time, and the review period too where orders wait for review days.
    """
    level = numbers(service)
    share(service=level)
    at_least(0, lead=numbers(lead), review=numbers(review))
    spread = deviation_over(numbers(lead) + numbers(review), deviation, mean, lead_deviation)
    return np.asarray(special.ndtri(level) * spread)


def reorder_point(mean: npt.ArrayLike, lead: npt.ArrayLike, safety: npt.ArrayLike = 0.0) -> Numbers:
    """The stock position at which an order must go out: the lead time's demand and the safety stock."""
    at_least(0, mean=numbers(mean), lead=numbers(lead))
    return np.asarray(numbers(mean) * numbers(lead) + numbers(safety))


def order_up_to(
    mean: npt.ArrayLike, lead: npt.ArrayLike, review: npt.ArrayLike, safety: npt.ArrayLike = 0.0
) -> Numbers:
    """The level to fill up to on review days: demand until the next order could arrive, and the safety stock."""
    return reorder_point(mean, numbers(lead) + numbers(review), safety)


def turnover(sold: npt.ArrayLike, mean_stock: npt.ArrayLike) -> Numbers:
    """How many times the mean stock was sold; both in units or both at cost. Sold out of nothing: infinite."""
    units, stock = numbers(sold), numbers(mean_stock)
    at_least(0, sold=units, **{"mean stock": stock})
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(units > 0, units / stock, 0.0))


def days_of_supply(stock: npt.ArrayLike, demand: npt.ArrayLike) -> Numbers:
    """For how many periods the stock lasts; infinite where nothing sells, 0 where there is none."""
    units, rate = numbers(stock), numbers(demand)
    at_least(0, stock=units, demand=rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(units > 0, units / rate, 0.0))


def holding_cost(
    mean_stock: npt.ArrayLike, unit_cost: npt.ArrayLike, rate: npt.ArrayLike, periods: npt.ArrayLike = 1.0
) -> Numbers:
    """What a stock costs to keep: its worth times the share of it that a period costs."""
    parts = {"mean stock": mean_stock, "unit cost": unit_cost, "rate": rate, "periods": periods}
    at_least(0, **{name: numbers(part) for name, part in parts.items()})
    return np.asarray(numbers(mean_stock) * numbers(unit_cost) * numbers(rate) * numbers(periods))


def cycle_service(level: npt.ArrayLike, mean: npt.ArrayLike, deviation: npt.ArrayLike) -> Numbers:
    """The chance that normal demand over the interval stays within `level`."""
    x, mu, sigma = numbers(level), numbers(mean), numbers(deviation)
    at_least(0, deviation=sigma)
    score = (x - mu) / np.where(sigma > 0, sigma, 1.0)
    return np.asarray(np.where(sigma > 0, special.ndtr(score), (x >= mu).astype(np.float64)))


def fill_rate(level: npt.ArrayLike, quantity: npt.ArrayLike, mean: npt.ArrayLike, deviation: npt.ArrayLike) -> Numbers:
    """Share of demand met from stock: each cycle sells `quantity` and lacks what exceeds `level`."""
    q = numbers(quantity)
    above(0, quantity=q)
    return np.asarray(1 - np.minimum(normal_loss(level, mean, deviation) / q, 1))


def observed_fill_rate(sold: npt.ArrayLike, demand: npt.ArrayLike) -> Numbers:
    """Share of demand that was met; 1 where nobody asked for anything."""
    met, asked = numbers(sold), numbers(demand)
    at_least(0, sold=met, **{"demand less what was sold": asked - met})
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(asked > 0, met / asked, 1.0))
