"""A challenger is asked what the champion was asked, later and by nobody's leave, and whatever it does hurts nobody."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from invplat.core.settings import load_settings
from invplat.registry import aliases, versions
from invplat.registry.parts import PREDICTED, SHADOWED, Part
from invplat.registry.versions import Version
from invplat.serve import shadow as room
from invplat.serve.schemas import ForecastsAsked, Series
from invplat.serve.service import Options, Service
from invplat.serve.shadow import DROPPED, FAILED, KEPT, Shadow
from tests.serve.house import opened
from tests.serve.shops import BASE, LAST, SHIFT, WHOLE, in_process, moved, same, serving, shops_in
from tests.serve.test_service import ALL, run
from tests.transfer.firms import typed


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shops_in(tmp_path / "home", tmp_path_factory)
    return tmp_path / "home"


@pytest.fixture
def service(home: Path) -> Iterator[Service]:
    with serving(home, journal=True) as found:
        yield found


def of(service: Service) -> Shadow:
    assert service.shadow is not None
    return service.shadow


def challenged(service: Service, tenant: str, prefixes: tuple[str, ...], change: object = None) -> Version:
    """A version of its own that its champion until now is tried against."""
    before = service.roster.served[tenant].version
    made = moved(service.database, Path(service.settings.home), tenant, prefixes, 5, change)
    expected = made.id
    aliases.promote(service.database, tenant, "mlp", before.id, expected=expected, actor="test")
    aliases.challenge(service.database, tenant, "mlp", made.id, actor="test")
    service.refresh()
    of(service).work()
    return made


def asked(service: Service, tenant: str, asking: ForecastsAsked = ALL) -> np.ndarray:
    said = run(service.forecasts(tenant, asking))
    of(service).work()
    return said.mean


def written(service: Service, tenant: str) -> list[Part]:
    of(service).journal.flush()
    return SHADOWED.of_tenant(service.database, tenant)


def table(service: Service, tenant: str) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(io.BytesIO(service.storage.read(part.key))) for part in written(service, tenant)])


@pytest.mark.parametrize("tenant", [LAST, WHOLE])
def test_the_challenger_says_what_its_bundle_says(service: Service, tenant: str) -> None:
    """Whether it shares the champion's trunk and book, or is a net of its own."""
    first = asked(service, tenant)
    made = challenged(service, tenant, ("",) if tenant == LAST else SHIFT[tenant])
    assert np.array_equal(asked(service, tenant), first), "the champion goes on answering"
    found = table(service, tenant)
    assert {part.model for part in written(service, tenant)} == {made.id}
    assert of(service).counts == {KEPT: len(first), DROPPED: 0, FAILED: 0}

    aliases.promote(
        service.database, tenant, "mlp", made.id, expected=service.roster.served[tenant].version.id, actor="test"
    )
    service.refresh()
    wanted = in_process(service, tenant)
    said = np.array(found["mean"].to_list(), np.float32).reshape(wanted.mean.shape)
    assert same(said, wanted.mean)
    levels = [name for name in found.columns if name.startswith("q")]
    quantiles = found.select(levels).to_numpy().reshape(wanted.quantiles.shape)
    assert same(quantiles.astype(np.float32), wanted.quantiles)
    assert same(asked(service, tenant), wanted.mean), "and promoted it answers"
    assert of(service).challengers.there == {}


def test_each_series_is_asked_once_and_what_was_told_stays_apart(service: Service) -> None:
    names = run(service.forecasts(LAST, ALL)).names
    challenged(service, LAST, SHIFT[LAST])
    one = ForecastsAsked(series=[Series(store=names[1][0], sku=names[1][1])])
    for _ in range(3):
        asked(service, LAST, one)
    assert of(service).counts[KEPT] == 1
    for _ in range(2):
        asked(service, LAST)
    assert of(service).counts[KEPT] == len(names)
    rows = table(service, LAST)
    assert len(rows) == len(rows.unique(["store", "sku", "as_of", "date"]))
    assert service.journal is not None
    service.journal.flush()
    told = PREDICTED.of_tenant(service.database, LAST)
    assert {part.model for part in told} == {service.roster.served[LAST].version.id}
    assert SHADOWED.rows_of(service.database, LAST) == PREDICTED.rows_of(service.database, LAST) == len(rows)
    assert not {part.id for part in told} & {part.id for part in written(service, LAST)}


def test_what_is_asked_of_another_day_or_with_other_plans_is_not_shadowed(service: Service) -> None:
    said = run(service.forecasts(LAST, ALL))
    challenged(service, LAST, SHIFT[LAST])
    asked(service, LAST, ForecastsAsked(as_of=said.as_of))
    assert of(service).counts == {KEPT: 0, DROPPED: 0, FAILED: 0}


def test_a_spoilt_bundle_is_told_of_and_hurts_nobody(service: Service) -> None:
    first = asked(service, LAST)
    folder = Path(service.settings.home) / "storage"
    real = of(service).challengers.roster.read

    def spoil(version: Version) -> object:
        path = next((folder / str(version.prefix)).glob("*.safetensors"))
        data = bytearray(path.read_bytes())
        data[-20:] = b"\0" * 20
        path.write_bytes(data)
        return real(version)

    of(service).challengers.roster.read = spoil  # type: ignore[method-assign,assignment]
    challenged(service, LAST, SHIFT[LAST])
    assert np.array_equal(asked(service, LAST), first)
    assert of(service).challengers.trouble[LAST]
    assert of(service).counts[KEPT] == 0
    assert service.roster.trouble.tenants == {}
    assert written(service, LAST) == []


def test_one_that_says_no_numbers_is_left_out(service: Service) -> None:
    first = asked(service, LAST)

    def broken(value: torch.Tensor) -> torch.Tensor:
        return torch.full_like(value, float("nan"))

    challenged(service, LAST, SHIFT[LAST], broken)
    for _ in range(2):
        assert np.array_equal(asked(service, LAST), first)
    assert "no number" in of(service).challengers.trouble[LAST]
    assert of(service).counts == {KEPT: 0, DROPPED: 0, FAILED: len(first)}, "once, and not again and again"
    assert LAST not in of(service).challengers.there


def test_one_that_raises_ends_neither_the_thread_nor_the_others(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenged(service, LAST, SHIFT[LAST])
    challenged(service, WHOLE, SHIFT[WHOLE])
    hers = of(service).challengers.there[LAST]
    monkeypatch.setattr(type(hers.stack), "whole", raising(hers.stack, type(hers.stack).whole))
    run(service.forecasts(WHOLE, ALL))
    of(service).offer(run(service.volume(LAST)), None)
    of(service).work()
    assert "on fire" in of(service).challengers.trouble[LAST]
    assert of(service).counts[KEPT] == len(run(service.volume(WHOLE)).book)


def raising(stack: object, real: object) -> object:
    def whole(self: object, asked: object) -> object:
        if self is stack:
            raise RuntimeError("on fire")
        return real(self, asked)  # type: ignore[operator]

    return whole


def test_what_does_not_fit_is_dropped_counted_and_comes_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenged(service, LAST, SHIFT[LAST])
    monkeypatch.setattr(room, "MOST", 3)
    with of(service)._one:  # nobody takes from the queue
        count = len(run(service.forecasts(LAST, ALL)))
        run(service.forecasts(LAST, ALL))
        assert of(service).counts == {KEPT: 0, DROPPED: 2 * (count - 3), FAILED: 0}
    while of(service).counts[KEPT] < count:
        before = of(service).counts[KEPT]
        asked(service, LAST)
        assert of(service).counts[KEPT] > before
    assert of(service).counts[KEPT] == count


def test_a_share_is_of_the_series_and_the_same_ones_everywhere(home: Path) -> None:
    found = []
    for share in (0.5, 0.5, 0.8):
        with serving(home, journal=True, shadow=share) as service:
            if not found:
                challenged(service, LAST, SHIFT[LAST])
            of(service).work()
            count = len(asked(service, LAST))
            rows = [part for part in written(service, LAST) if part.id not in {one.id for one in found}]
            names = pl.concat([pl.read_parquet(io.BytesIO(service.storage.read(one.key))) for one in rows])
            found += rows
            chosen = set(names.select("store", "sku").unique().iter_rows())
            if len(found) == len(rows):
                half = chosen
                assert 0 < len(half) < count
            assert half <= chosen
            assert chosen == half or share == 0.8


def test_it_can_be_left_out(home: Path) -> None:
    with serving(home, journal=True, shadow=0) as service:
        assert service.shadow is None
    with serving(home) as service:
        assert service.shadow is None, "there is no journal to write into"


def test_a_base_is_tried_where_a_base_answers_and_a_challenge_ends(service: Service, home: Path) -> None:
    base = versions.of_tenant(service.database, None)[-1]
    bundle = versions.open_bundle(service.storage, base)
    other = versions.keep(service.database, service.storage, None, "mlp", bundle)
    for each in (base, other):
        before = aliases.current(service.database, None, "mlp").get(aliases.CHAMPION)
        aliases.promote(service.database, None, "mlp", each.id, expected=before, actor="test")
    aliases.challenge(service.database, None, "mlp", base.id, actor="test")
    service.refresh()
    of(service).work()
    assert {name: one.version.id for name, one in of(service).challengers.there.items()} == {BASE: base.id}
    asked(service, BASE)
    assert of(service).counts[KEPT] > 0
    assert aliases.withdraw(service.database, None, "mlp", actor="test")
    assert not aliases.withdraw(service.database, None, "mlp", actor="test")
    service.refresh()
    of(service).work()
    assert of(service).challengers.there == {}


def test_the_thread_does_it_by_itself(home: Path) -> None:
    with serving(home, journal=True, every=0.05) as service:
        kept = threading.Event()
        of(service).told = lambda outcome, series: kept.set() if outcome == KEPT else None
        before = service.roster.served[LAST].version
        made = moved(service.database, home, LAST, SHIFT[LAST], 5)
        aliases.promote(service.database, LAST, "mlp", before.id, expected=made.id, actor="test")
        aliases.challenge(service.database, LAST, "mlp", made.id, actor="test")
        for _ in range(200):
            run(service.forecasts(LAST, ALL))
            if kept.wait(0.1):
                break
        assert kept.is_set()


def test_a_business_is_told_of_its_challenger(home: Path) -> None:
    service = Service(load_settings({"home": str(home)}, {}), Options(every=3600.0)).start()
    with opened(service) as house:
        at = f"/v1/tenants/{LAST}/model"
        assert house.get(at, "admin").json()["challenger"] is None
        made = challenged(service, LAST, SHIFT[LAST])
        said = house.get(at, "admin").json()
        assert said["challenger"]["reference"] == made.reference
        assert said["aliases"]["challenger"] == made.called
        assert said["challenger"]["sentence"] == "It has been asked nothing yet."
        names = asked(service, LAST)
        written(service, LAST)
        assert service.journal is not None
        service.journal.flush()
        said = house.get(at, "admin").json()["challenger"]
        assert said["said"] == said["waiting"] == names.size
        assert said["champion"] is None
        page = house.client.get("/metrics").text
        assert 'invplat_shadow_series_total{outcome="kept"}' in page
        assert 'invplat_shadow_series_total{outcome="dropped"}' in page

        def broken(value: torch.Tensor) -> torch.Tensor:
            return torch.full_like(value, float("nan"))

        challenged(service, WHOLE, SHIFT[WHOLE], broken)
        asked(service, WHOLE)
        answer = house.get(f"/v1/tenants/{WHOLE}/model", "admin").json()
        assert "no number" in answer["challenger"]["trouble"]


def test_by_hand(home: Path) -> None:
    """Named, told of, and ended again, at the command line."""
    with serving(home, journal=True) as service:
        before = service.roster.served[LAST].version
        made = moved(service.database, home, LAST, SHIFT[LAST], 5)
        aliases.promote(service.database, LAST, "mlp", before.id, expected=made.id, actor="test")
        said = json.loads(typed(home, "models", "challenge", made.reference, "--tenant", LAST, "--json"))
        assert (said["challenger"], said["champion"]) == (made.called, before.called)
        service.refresh()
        of(service).work()
        asked(service, LAST)
        written(service, LAST)
        shown = json.loads(typed(home, "models", "show", made.reference, "--tenant", LAST, "--json"))
        assert shown["tried"]["challenger"] == made.called
        assert shown["tried"]["figures"]["said"] > 0
        assert made.called in typed(home, "models", "show", before.reference, "--tenant", LAST)
        typed(home, "models", "challenge", made.reference, "--tenant", LAST, "--end")
        shown = json.loads(typed(home, "models", "show", made.reference, "--tenant", LAST, "--json"))
        assert shown["tried"] is None
