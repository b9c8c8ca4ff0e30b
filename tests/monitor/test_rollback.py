"""A champion falls where its predecessor would surely have erred less, on days that neither has seen; else it stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from invplat.core.errors import Conflict
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.model import Model
from invplat.monitor.bygone import medians
from invplat.monitor.facts import read_facts
from invplat.monitor.rollback import Fall, fallen, roll_back
from invplat.registry import aliases, audit, datasets, versions
from invplat.registry.versions import Learnt, Version
from invplat.transfer.tenants import roomy
from tests.monitor.shop import DAYS, END, TENANT, Shop, day, world
from tests.transfer.firms import typed

WORKLOAD = "mlp"
LAST = range(DAYS - 29, DAYS - 1)
Change = Callable[[Any, Any], tuple[Any, Any]]


def half_as_much_again(law: Any, quantiles: Any) -> tuple[Any, Any]:
    return law * 1.5, quantiles * 1.5


def far_too_little(law: Any, quantiles: Any) -> tuple[Any, Any]:
    return law * 0.2, quantiles * 0.2


def rule(name: str, *learnt: Learnt) -> Version:
    """A model without bytes."""
    return Version(TENANT, name, 1, WORKLOAD, None, None, 0, "", {}, {}, {}, learnt)


def promoted(shop: Shop, *learnt: Learnt) -> tuple[str, str]:
    """A champion after a seasonal naive; their ids."""
    before, now = versions.register(shop.database, [rule("seasonal_naive"), rule("mlp", *learnt)])
    aliases.promote(shop.database, TENANT, WORKLOAD, before.id, expected=None, actor="test")
    aliases.promote(shop.database, TENANT, WORKLOAD, now.id, expected=before.id, actor="test")
    return before.id, now.id


def judged(shop: Shop) -> Fall | None:
    return fallen(shop.database, shop.storage, read_facts(shop.database, shop.storage, TENANT, END), WORKLOAD)


def test_it_goes_back_with_the_reason_in_the_audit_log(shop: Shop) -> None:
    made = world()
    shop.add(made)
    before, now = promoted(shop)
    shop.predict(made, LAST, model=now, change=far_too_little)
    fall = judged(shop)
    assert fall is not None
    assert (fall.champion, fall.previous) == (now, before)
    assert fall.error == pytest.approx(0.8, abs=0.02)
    assert fall.instead < 0.5 * fall.error
    roll_back(shop.database, fall, actor="test")
    assert aliases.current(shop.database, TENANT, WORKLOAD) == {"champion": before, "previous": now}
    (deed,) = audit.of_actions(shop.database, ["model.rollback"])
    assert deed.detail is not None
    assert deed.detail["reason"] == fall.reason
    assert "seasonal_naive@1 would have come to" in fall.reason
    assert judged(shop) is None  # once, and not to and fro


def test_one_that_does_well_stays(shop: Shop) -> None:
    made = world()
    shop.add(made)
    _, now = promoted(shop)
    shop.predict(made, LAST, model=now)
    assert judged(shop) is None


def test_the_median_is_what_counts(shop: Shop) -> None:
    """Where demand is lumpy, a right mean lies far above most days."""
    made = world()
    shop.add(made)
    _, now = promoted(shop)
    shop.predict(made, LAST, model=now, change=lambda law, quantiles: (law * 2, quantiles))
    assert judged(shop) is None


@pytest.mark.parametrize(
    ("days", "change"),
    [
        (LAST[-6:], far_too_little),  # too few days to know
        (LAST[:0], far_too_little),  # nothing said yet
    ],
)
def test_little_is_no_proof(shop: Shop, days: range, change: Change) -> None:
    made = world()
    shop.add(made)
    _, now = promoted(shop)
    shop.predict(made, days, model=now, change=change)
    assert judged(shop) is None


def test_one_bad_week_is_no_fall(shop: Shop) -> None:
    made = world()
    shop.add(made)
    _, now = promoted(shop)
    shop.predict(made, LAST[:-8], model=now)
    shop.predict(made, LAST[-8:], model=now, change=half_as_much_again)
    assert judged(shop) is None


def test_days_that_one_of_them_has_learnt_from_do_not_count(shop: Shop) -> None:
    made = world()
    shop.add(made)
    newest = datasets.newest(shop.database, TENANT)
    _, now = promoted(shop, Learnt(TENANT, newest.version, newest.digest))
    shop.predict(made, LAST, model=now, change=far_too_little)
    assert judged(shop) is None


def test_another_promotion_was_first(shop: Shop) -> None:
    made = world()
    shop.add(made)
    before, now = promoted(shop)
    shop.predict(made, LAST, model=now, change=far_too_little)
    fall = judged(shop)
    assert fall is not None
    aliases.promote(shop.database, TENANT, WORKLOAD, before, expected=now, actor="a person")
    with pytest.raises(Conflict):
        roll_back(shop.database, fall, actor="test")


def test_bygone_words_know_nothing_of_what_followed(shop: Shop) -> None:
    """The same as from a history that ends there."""
    made = world()
    shop.add(made)
    sizes = ("--epochs", 1, "--windows", 300, "--spec", "past=14,horizon=7", "--params", "hidden_one=32,hidden_two=32")
    typed(shop.home, "train", "mlp", "--tenant", TENANT, *sizes)
    model = Model.of(versions.open_bundle(shop.storage, versions.get(shop.database, TENANT, "mlp")))
    as_of = day(DAYS - 30)
    cells = pl.DataFrame(
        [
            {"store": store, "sku": sku, "as_of": as_of, "step": step}
            for store, sku in made.names
            for step in range(1, 9)
        ]
    )
    found = medians(model, read_facts(shop.database, shop.storage, TENANT, END), cells).reshape(len(made.names), 8)
    assert np.isnan(found[:, 7]).all()  # beyond its horizon it says nothing
    dataset = Dataset.open(shop.storage, TENANT)
    panels = [roomy(build_panel(dataset, store, end=as_of), 14, 7) for store in dataset.stores]
    ready = model.preparation.ready(panels, dataset)
    windows = model.preparation.cut(ready, model.spec, [as_of], targets=False, least=0)
    then = model.predict(windows, panels=ready).median.numpy()
    names = [(windows.texts["store"][row], windows.texts["sku"][row]) for row in windows.series.tolist()]
    order = [names.index(name) for name in made.names]
    np.testing.assert_allclose(found[:, :7], then[order], rtol=1e-4)
