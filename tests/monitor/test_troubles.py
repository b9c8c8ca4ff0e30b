"""Planted troubles are found, and when; in healthy worlds none is invented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from invplat.monitor.finding import Finding
from tests.monitor.shop import DAYS, END, TENANT, Shop, World, day, kinds, world

WHEN = DAYS - 28  # when troubles begin
FAR = 10  # days beside which a beginning is still rightly told


def shift(made: World) -> None:
    made.truth[made.rows("drinks"), WHEN:] *= 2


def closed(made: World) -> None:
    made.gone[made.rows("B"), WHEN + 10 :] = True


def sensor(made: World) -> None:
    made.truth[made.rows("C"), WHEN + 14 :] = 0


def lead(made: World) -> None:
    made.lead[WHEN - 21 :] = 12


def prices(made: World) -> None:
    made.price[:, WHEN:] *= 1.2


def line(made: World) -> None:
    made.gone[made.rows("snacks"), :WHEN] = True  # the whole category is new


def hole(made: World) -> None:
    made.gone[:, WHEN - 20 : WHEN - 8] = True


def tenfold(made: World) -> None:
    made.truth[made.rows("A"), WHEN + 20] *= 12


def _one(found: list[Finding], kind: str, subject: str | None = None) -> Finding:
    (one,) = [each for each in found if each.kind == kind and (subject is None or subject in each.subject)]
    return one


@pytest.mark.parametrize(
    ("plant", "kind", "subject", "begins"),
    [
        (shift, "drift", "demand", WHEN),
        (closed, "silent_store", "B", WHEN + 10),
        (sensor, "zero_sales", "C", WHEN + 14),
        (lead, "lead_times", "Ash", WHEN - 21),
        (prices, "drift", "price", WHEN),
        (line, "unseen_skus", "", WHEN),
        (hole, "missing_periods", "", WHEN - 20),
        (tenfold, "tenfold", "A", WHEN + 20),
    ],
)
def test_data_alone_show_it(shop: Shop, plant: Callable[[World], None], kind: str, subject: str, begins: int) -> None:
    made = world()
    plant(made)
    shop.add(made)
    found = shop.look()
    one = _one(list(found.findings), kind, subject)
    assert abs((date.fromisoformat(one.since) - day(begins)).days) <= FAR, one
    assert one.sentence.endswith(".")
    assert one.remedy
    assert "no forecasts were given yet" in found.notes[0]


def test_a_shift_of_demand_is_seen_in_the_forecasts(shop: Shop) -> None:
    made = world()
    shift(made)
    shop.add(made)
    shop.predict(made, range(DAYS - 100, DAYS - 1, 1))
    found = shop.look()
    assert {"accuracy_worse", "bias", "coverage", "worse_than_naive", "residual_drift"} <= kinds(found)
    for kind in ("accuracy_worse", "bias", "coverage"):
        one = next(each for each in found.findings if each.kind == kind)
        assert abs((date.fromisoformat(one.since) - day(WHEN)).days) <= FAR, one
    assert next(each for each in found.findings if each.kind == "bias").figures["bias"] < -0.1


@pytest.mark.parametrize("plant", [closed, sensor])
def test_a_silent_store_is_no_fault_of_the_forecasts(shop: Shop, plant: Callable[[World], None]) -> None:
    made = world()
    plant(made)
    shop.add(made)
    shop.predict(made, range(DAYS - 100, DAYS - 1, 1))
    found = shop.look()
    assert len(found.findings) == 1
    assert found.cells["hidden"] > 0


def test_before_it_began_nothing_was_found(shop: Shop) -> None:
    made = world()
    shift(made)
    shop.add(made)
    shop.predict(made, range(DAYS - 100, DAYS - 1, 1))
    assert shop.look(today=day(WHEN - 1)).findings == ()
    assert kinds(shop.look(today=day(WHEN + 13))) & {"accuracy_worse", "bias"}


@pytest.mark.parametrize("seed", range(5))
def test_healthy_worlds_have_no_findings(shop: Shop, seed: int) -> None:
    made = world(seed)
    shop.add(made)
    shop.predict(made, range(DAYS - 100, DAYS - 1, 1))
    found = shop.look()
    assert found.findings == ()
    assert found.accuracy["wape"] < found.accuracy["naive_wape"]
    assert found.accuracy["coverage"] >= 0.9


def test_stale_data(shop: Shop) -> None:
    made = world()
    shop.add(made)
    assert shop.look(today=END + timedelta(days=6)).findings == ()
    one = _one(list(shop.look(today=END + timedelta(days=30)).findings), "stale_data")
    assert one.figures["days"] == 30
    assert one.since == str(END + timedelta(days=1))


def test_the_usual_rhythm_says_what_is_stale(shop: Shop) -> None:
    made = world()
    shop.add(made, until=DAYS - 4)
    for until in range(DAYS - 3, DAYS):
        shop.append(made, until - 1, until)
    one = _one(list(shop.look(today=END + timedelta(days=5)).findings), "stale_data")
    assert one.figures["usual"] == 1.0


def test_data_from_the_future_are_told_and_left_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world()
    shop.add(made)
    from invplat.monitor import facts as module

    whole = module.Dataset.open

    def early(*given: object) -> object:
        found = whole(*given)  # type: ignore[arg-type]
        found.manifest = replace(found.manifest, created=str(day(DAYS - 20)))
        return found

    monkeypatch.setattr(module.Dataset, "open", early)
    shop.predict(made, range(DAYS - 40, DAYS - 1))
    found = shop.look(today=day(DAYS - 15))
    assert _one(list(found.findings), "future_data").figures["days"] == 14
    assert found.end == str(day(DAYS - 15))
    assert max(str(week["week"]) for week in found.weeks) <= str(day(DAYS - 15))


def test_forecasts_of_nothing_and_of_far_too_much(shop: Shop) -> None:
    made = world()
    shop.add(made)

    def broken(mean: np.ndarray, quantiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        mean = mean.copy()
        mean[0], mean[1], mean[2] = 0.0, 1e4, np.nan
        return mean, quantiles

    shop.predict(made, range(DAYS - 1, DAYS), change=broken)
    found = shop.look()
    assert {"zero_forecast", "huge_forecast", "broken_forecast"} == kinds(found)
    names = {"zero_forecast": "DR-0", "huge_forecast": "DR-1", "broken_forecast": "DR-2"}
    for kind, name in names.items():
        one = _one(list(found.findings), kind)
        assert one.figures["series"] == 1
        assert f"A / {name}" in one.sentence


def test_nothing_is_rightly_forecast_of_a_store_that_has_closed(shop: Shop) -> None:
    made = world()
    made.gone[made.rows("B"), DAYS - 10 :] = True
    shop.add(made)

    def nothing_of_it(mean: np.ndarray, quantiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        mean, quantiles = mean.copy(), quantiles.copy()
        mean[made.rows("B")], quantiles[made.rows("B")] = 0, 0
        return mean, quantiles

    shop.predict(made, range(DAYS - 1, DAYS), change=nothing_of_it)
    found = shop.look()
    assert "silent_store" in kinds(found)
    assert "zero_forecast" not in kinds(found)


def test_too_sure(shop: Shop) -> None:
    made = world()
    shop.add(made)

    def narrow(mean: np.ndarray, quantiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        return mean, mean[:, :, None] + 0.3 * (quantiles - mean[:, :, None])

    shop.predict(made, range(DAYS - 100, DAYS - 1), change=narrow)
    found = shop.look()
    assert kinds(found) == {"coverage"}
    assert _one(list(found.findings), "coverage").figures["coverage"] < 0.7


def test_what_the_model_has_learnt_is_no_drift(shop: Shop) -> None:
    """A shift that lies within what the champion learnt from is no news any more."""
    from invplat.data.dataset import Dataset
    from invplat.registry import aliases, versions
    from invplat.registry.versions import Learnt, Version

    made = world()
    made.truth[:, WHEN - 40 :] *= 2
    shop.add(made, until=DAYS - 21)
    manifest = Dataset.open(shop.storage, TENANT).manifest
    learnt = (Learnt(TENANT, 1, manifest.content_hash),)
    nothing: dict[str, str] = {}
    champion = Version(TENANT, "mlp", 1, "mlp", None, None, 0, "", nothing, nothing, nothing, learnt)
    versions.register(shop.database, [champion])
    aliases.promote(shop.database, TENANT, "mlp", champion.id, expected=None, actor="test")
    shop.append(made, DAYS - 21, DAYS)
    found = shop.look()
    assert found.learnt == manifest.end
    assert found.findings == ()


def test_a_base_that_learnt_from_it_counts_where_it_has_no_model_of_its_own(shop: Shop) -> None:
    from invplat.registry import versions
    from invplat.registry.versions import Learnt, Version

    made = world()
    shop.add(made, until=DAYS - 7)
    assert shop.look().learnt is None
    nothing: dict[str, str] = {}
    learnt = (Learnt("another", 1, "x"), Learnt(TENANT, 1, "y"))
    base = Version(None, "mlp", 1, "mlp", "bases/mlp/1", None, 0, "", nothing, nothing, nothing, learnt)
    versions.register(shop.database, [base])
    shop.append(made, DAYS - 7, DAYS)
    found = shop.look()
    assert found.learnt == str(day(DAYS - 8))
    assert {row.note for row in found.drifts} == {"too little is new since the model learnt"}


def test_businesses_with_seasons_and_promotions_are_left_in_peace(shop: Shop) -> None:
    """Of the made-up nation, whose demand follows holidays, weather and leaflets: nothing that needs to be done."""
    from tests.transfer.firms import typed

    files = shop.home / "world"
    sizes = ("--tenants", 4, "--stores", 2, "--skus", 12, "--days", 430, "--seed", 11)
    typed(shop.home, "data", "synth", *sizes, "--out", files)
    for number in range(4):
        name = f"tenant-{number:04}"
        typed(shop.home, "tenant", "add", name, "--data", files / name, "--mapping", "generic")
        for today in (date(2025, 12, 31), date(2025, 11, 30)):
            assert [one for one in shop.look(name, today).findings if one.severity != "low"] == []
