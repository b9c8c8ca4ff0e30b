"""Answers of the service in process: what the bundle says, whoever else is asked for in the same batch."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from invplat.core.errors import FigureRefused, InvplatError, Unknown
from invplat.data.panel import Panel
from invplat.registry import aliases
from invplat.registry.parts import PREDICTED
from invplat.serve.books import packed, unpacked
from invplat.serve.heads import Rule
from invplat.serve.order_schemas import OrdersAsked
from invplat.serve.said import Said
from invplat.serve.schemas import By, ForecastsAsked, Series, WhatIf
from invplat.serve.service import Service
from invplat.serve.summed import gamma_quantiles, summed
from tests.serve.shops import BASE, LAST, RULE, WHOLE, in_process, moved, same, serving, shops_in
from tests.transfer.firms import typed

ALL = ForecastsAsked()


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shops_in(tmp_path / "home", tmp_path_factory)
    return tmp_path / "home"


@pytest.fixture
def service(home: Path) -> Iterator[Service]:
    with serving(home) as found:
        yield found


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def one(said: Said, row: int, **more: Any) -> ForecastsAsked:
    store, sku = said.names[row]
    return ForecastsAsked(series=[Series(store=store, sku=sku)], **more)


@pytest.mark.parametrize("tenant", [BASE, LAST, WHOLE])
def test_what_is_served_is_what_the_bundle_says(service: Service, tenant: str) -> None:
    said = run(service.forecasts(tenant, ALL))
    wanted = in_process(service, tenant)
    assert len(said) == len(wanted.mean) > 3
    assert same(said.mean, wanted.mean)
    assert same(said.quantiles, wanted.quantiles)
    assert said.dates[0] > said.as_of


@pytest.mark.parametrize("workload", ["gru", "e2e"])
def test_any_workload_is_served(home: Path, workload: str) -> None:
    """Those without layers to cut between, and those that read lead times."""
    sizes = ("--epochs", 1, "--windows", 60, "--spec", "past=14,horizon=7")
    typed(home, "train", workload, "--base", "--tenant", BASE, *sizes)
    with serving(home, workloads=(workload,)) as service:
        said = run(service.forecasts(BASE, ALL))
        assert said.model["workload"] == workload
        assert same(said.mean, in_process(service, BASE).mean)
        assert run(service.orders(BASE, OrdersAsked())).totals["items"] == len(said)


def test_the_naive_rule_is_served(service: Service) -> None:
    said = run(service.forecasts(RULE, ALL))
    assert isinstance(service.served(RULE).stack, Rule)
    assert said.model["reference"] == "seasonal_naive@1"
    book = run(service.volume(RULE)).book
    assert same(said.mean, book.told["mean"])


def test_each_is_answered_by_its_own_weights_in_one_batch(service: Service, home: Path) -> None:
    with closing(service.database) as database:
        moved(database, home, BASE, ("head.says.", "head.line."), 7)
    service.refresh()

    async def work() -> None:
        alone = {name: await service.forecasts(name, ALL) for name in (BASE, LAST, WHOLE, RULE)}
        sizes: list[int] = []
        service.batcher.told = sizes.append
        asked = [(name, row) for row in range(3) for name in alone]
        found = await asyncio.gather(*(service.forecasts(name, one(alone[name], row)) for name, row in asked))
        assert max(sizes) == 6  # of the two businesses that share a trunk
        for (name, row), said in zip(asked, found, strict=True):
            assert said.names == (alone[name].names[row],)
            assert np.allclose(said.mean[0], alone[name].mean[row], rtol=1e-5, atol=1e-6)
            assert np.allclose(said.quantiles[0], alone[name].quantiles[row], rtol=1e-5, atol=1e-6)

    assert service.served(BASE).stack is service.served(LAST).stack
    assert service.served(BASE).row != service.served(LAST).row
    run(work())


def test_threads_that_answer_at_once_see_nothing_of_each_other(service: Service, home: Path) -> None:
    """Other weights stand in for a net's while it answers: in one thread, and for nobody else."""
    moved(service.database, home, BASE, ("head.says.", "head.line."), 7)
    service.refresh()
    books = {name: run(service.volume(name)).book for name in (BASE, LAST)}
    stack = service.served(BASE).stack
    each = {name: books[name].asked(service.served(name).row) for name in books}
    wanted = {name: stack.answer([each[name]])[0].mean for name in each}
    state = {name: value.clone() for name, value in stack.net.state_dict().items()}

    def alone(name: str) -> int:
        found = (stack.answer([each[name]])[0].mean for _ in range(200))
        return sum(not torch.allclose(mean, wanted[name], rtol=1e-5) for mean in found)

    def together() -> int:
        wrong = 0
        for _ in range(200):
            found = stack.answer([each[BASE], each[LAST]])
            pairs = zip(found, (BASE, LAST), strict=True)
            wrong += not all(torch.allclose(one.mean, wanted[name], rtol=1e-5) for one, name in pairs)
        return wrong

    def read() -> int:
        values = (stack.net.state_dict() for _ in range(400))
        return sum(any(not torch.equal(value, state[name]) for name, value in found.items()) for found in values)

    works = [partial(alone, BASE), partial(alone, LAST), together, read]
    with ThreadPoolExecutor(len(works)) as pool:
        assert [done.result() for done in [pool.submit(work) for work in works]] == [0, 0, 0, 0]


def test_who_spoils_a_batch_is_alone_with_it(service: Service, home: Path) -> None:
    with closing(service.database) as database:
        moved(database, home, BASE, ("head.says.",), 7, lambda value: value * torch.nan)
    service.refresh()

    async def work() -> None:
        names = (await service.forecasts(LAST, ALL), (await service.volume(BASE)).book.names)
        store, sku = names[1][0]
        bad = ForecastsAsked(series=[Series(store=store, sku=sku)])
        found = await asyncio.gather(
            service.forecasts(LAST, one(names[0], 0)),
            service.forecasts(BASE, bad),
            service.forecasts(LAST, one(names[0], 1)),
            return_exceptions=True,
        )
        assert isinstance(found[1], InvplatError)
        assert np.allclose(found[0].mean[0], names[0].mean[0], rtol=1e-5)
        assert np.allclose(found[2].mean[0], names[0].mean[1], rtol=1e-5)

    run(work())


def test_a_promotion_is_served_at_the_next_look(service: Service, home: Path) -> None:
    before = run(service.forecasts(LAST, ALL))
    rows = service.served(LAST).stack.used
    made = moved(service.database, home, LAST, ("head.says.",), 11)
    assert run(service.forecasts(LAST, ALL)).model["reference"] == before.model["reference"]
    assert service.refresh() == [LAST]
    after = run(service.forecasts(LAST, ALL))
    assert after.model["reference"] == made.reference != before.model["reference"]
    assert same(after.mean, in_process(service, LAST).mean)
    assert not np.allclose(after.mean, before.mean)
    assert service.books.made + service.books.read == 1  # the trunk is the same: nothing was told again
    assert service.served(LAST).stack.used == rows + 1
    service.roster._left = [(0.0, *rest) for _, *rest in service.roster._left]
    aliases.rollback(service.database, LAST, "mlp", expected=made.id, actor="test")
    assert service.refresh() == [LAST]
    assert np.array_equal(run(service.forecasts(LAST, ALL)).mean, before.mean)


def test_a_business_that_leaves_is_not_served(service: Service) -> None:
    from invplat.registry import tenants

    run(service.forecasts(LAST, ALL))
    tenants.remove(service.database, service.storage, LAST, actor="test")
    assert service.refresh() == [LAST]
    assert not service.books.holds(LAST)
    with pytest.raises(Unknown):
        run(service.forecasts(LAST, ALL))


def test_the_registry_may_be_away(service: Service) -> None:
    before = run(service.forecasts(LAST, ALL))
    service.roster.database.url = "nowhere"
    broken = replace_database(service)
    assert service.refresh() == []
    assert service.roster.trouble.registry
    assert np.array_equal(run(service.forecasts(LAST, ALL)).mean, before.mean)
    assert run(service.forecasts(WHOLE, ALL)).mean.shape[0] > 3  # its book is made without the registry
    broken.close()


def replace_database(service: Service) -> Any:
    from invplat.registry.database import Database

    service.roster.database = Database("postgresql://nobody:x@127.0.0.1:9/none", patience=0.1)
    return service.roster.database


def test_a_bundle_that_was_altered_leaves_the_old_one_in_place(service: Service, home: Path) -> None:
    before = run(service.forecasts(LAST, ALL))
    made = moved(service.database, home, LAST, ("head.says.",), 11)
    weights = next((home / "storage" / str(made.prefix)).glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    assert service.refresh() == []
    assert LAST in service.roster.trouble.tenants
    assert np.array_equal(run(service.forecasts(LAST, ALL)).mean, before.mean)


def test_books_are_kept_and_read_again(service: Service, home: Path) -> None:
    before = run(service.forecasts(LAST, ALL))
    assert (service.books.made, service.books.read) == (1, 0)
    with serving(home) as again:
        assert np.array_equal(run(again.forecasts(LAST, ALL)).mean, before.mean)
        assert (again.books.made, again.books.read) == (0, 1)
    book = run(service.volume(LAST)).book
    data = packed(book)
    found = unpacked(LAST, data)
    assert (found.names, found.dates, found.as_of, found.categories) == (
        book.names,
        book.dates,
        book.as_of,
        book.categories,
    )
    with pytest.raises(ValueError, match="another business"):
        unpacked(BASE, data)


def test_a_damaged_book_is_made_again(service: Service, home: Path) -> None:
    before = run(service.forecasts(LAST, ALL))
    kept = next((home / "storage" / "tenants" / LAST / "books").iterdir())
    kept.write_bytes(kept.read_bytes()[:100])
    with serving(home) as again:
        assert np.array_equal(run(again.forecasts(LAST, ALL)).mean, before.mean)
        assert again.books.made == 1


def test_what_does_not_fit_into_memory_is_made_on_demand(home: Path) -> None:
    with serving(home, memory=1) as service:
        first = run(service.forecasts(BASE, ALL))
        run(service.forecasts(LAST, ALL))
        assert len(service.books) == 1
        assert service.books.evicted == 1
        assert np.array_equal(run(service.forecasts(BASE, ALL)).mean, first.mean)


def test_as_of_a_day_nothing_later_is_known(service: Service) -> None:
    whole = run(service.forecasts(LAST, ALL))
    end = date.fromordinal(whole.as_of.toordinal() - 10)
    said = run(service.forecasts(LAST, ForecastsAsked(as_of=end)))
    wanted = in_process(service, LAST, end=end)
    assert said.as_of == end
    assert (said.dates[0] - end).days == 1
    assert same(said.mean, wanted.mean)
    with pytest.raises(FigureRefused, match="outside the history"):
        run(service.forecasts(LAST, ForecastsAsked(as_of=date(1999, 1, 1))))


def test_other_plans_change_the_series_asked_for_alone(service: Service) -> None:
    book = run(service.volume(LAST)).book
    store, sku = book.names[2]

    def promoted(panel: Panel) -> Panel:
        values = panel.ahead.values.copy()
        row = panel.skus.index(sku) if panel.store == store else None
        if row is not None:
            values[row, panel.known :, panel.ahead.names.index("promotion")] = 1.0
        return replace(panel, ahead=replace(panel.ahead, values=values))

    asked = ForecastsAsked(series=[Series(store=store, sku=sku)], what_if=WhatIf(promotion=True))
    said = run(service.forecasts(LAST, asked))
    wanted = in_process(service, LAST, edit=promoted)
    assert same(said.mean, wanted.mean[2:3])
    assert said.rows.tolist() == [2]
    plain = run(service.forecasts(LAST, ForecastsAsked(series=[Series(store=store, sku=sku)])))
    assert not np.allclose(said.mean, plain.mean)


def test_horizon_and_levels(service: Service) -> None:
    whole = run(service.forecasts(LAST, ALL))
    short = run(service.forecasts(LAST, ForecastsAsked(horizon=3, quantiles=[0.5, 0.99])))
    assert short.quantiles.shape == (len(whole), 3, 2)
    assert np.allclose(short.quantiles[:, :, 0], whole.quantiles[:, :3, whole.levels.index(0.5)], rtol=1e-6)
    assert (short.quantiles[:, :, 1] >= whole.quantiles[:, :3, -1] - 1e-5).all()
    with pytest.raises(FigureRefused, match="8 periods"):
        run(service.forecasts(LAST, ForecastsAsked(horizon=8)))


def test_sums_add_up(service: Service) -> None:
    whole = run(service.forecasts(LAST, ALL))
    book = run(service.volume(LAST)).book
    counts, total = summed(whole, By.TOTAL, book.categories, 0.0)
    assert counts == [len(whole)]
    assert np.allclose(total.mean[0], whole.mean.sum(axis=0), rtol=1e-5)
    apart = summed(whole, By.TOTAL, book.categories, 1.0)[1]
    widths = [each.quantiles[0, :, -1] - each.quantiles[0, :, 0] for each in (total, apart)]
    assert (widths[1] > widths[0]).all()
    middle = summed(whole, By.TOTAL, book.categories, 0.0, [0.5])[1]
    assert middle.quantiles.shape[2] == 1
    assert np.allclose(middle.quantiles[:, :, 0], total.quantiles[:, :, whole.levels.index(0.5)])
    counts, groups = summed(whole, By.CATEGORY, book.categories, 0.25)
    assert sum(counts) == len(whole)
    assert np.allclose(groups.mean.sum(axis=0), whole.mean.sum(axis=0), rtol=1e-5)


def test_a_sum_of_many_is_as_chance_has_it() -> None:
    """Of skewed demands drawn independently, against the draws themselves."""
    draw = np.random.default_rng(1)
    sums = draw.exponential(3.0, (200_000, 25)).sum(axis=1)
    found = gamma_quantiles(np.array([75.0]), np.array([25 * 9.0]), (0.05, 0.5, 0.95))[0]
    assert np.allclose(found, np.quantile(sums, (0.05, 0.5, 0.95)), rtol=0.01)


def test_names_that_are_not_there_are_told_with_those_nearest(service: Service) -> None:
    store, sku = run(service.volume(LAST)).book.names[0]
    with pytest.raises(Unknown) as error:
        run(service.forecasts(LAST, ForecastsAsked(series=[Series(store=store, sku=sku[:-1] + "x")])))
    assert sku in error.value.near  # type: ignore[attr-defined]
    with pytest.raises(Unknown, match="no tenant"):
        run(service.forecasts("nobody", ALL))


def test_what_was_said_is_written_down_once(home: Path) -> None:
    with serving(home, journal=True) as service:
        assert service.journal is not None
        said = run(service.forecasts(LAST, ALL))
        run(service.forecasts(LAST, one(said, 0)))
        run(service.forecasts(BASE, one(run(service.forecasts(BASE, ALL)), 0)))
        service.journal.flush()
        parts = PREDICTED.of_tenant(service.database, LAST)
        assert len(parts) == 1
        table = pq.read_table(home / "storage" / parts[0].key)
        assert len(table) == parts[0].rows == said.mean.size
        assert np.array_equal(table.column("mean").to_numpy(), said.mean.reshape(-1))
        run(service.forecasts(LAST, ALL))
        service.journal.flush()
        assert len(PREDICTED.of_tenant(service.database, LAST)) == 1


def test_orders_follow_the_forecast_that_is_served(service: Service) -> None:
    from invplat.serve.orders import decided

    found = run(service.orders(LAST, OrdersAsked()))
    volume = run(service.volume(LAST))
    again = decided(run(service.forecasts(LAST, ALL)), volume.facts(), OrdersAsked())
    assert found.records() == again.records()
    assert found.totals["items"] == len(volume.book)
