"""`invplat monitor` as a person types it, and as a program reads it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from invplat.registry.parts import PREDICTED
from tests.monitor.shop import DAYS, END, TENANT, Shop, shop_in, world
from tests.monitor.test_alerts import listening

Run = Callable[..., Result]
BEGAN = DAYS - 28


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A business in trouble and one without any."""
    home = tmp_path_factory.mktemp("monitored") / "home"
    with shop_in(home) as shop:
        troubled = world()
        troubled.truth[troubled.rows("drinks"), BEGAN:] *= 2
        for name, one in ((TENANT, troubled), ("well", world(1))):
            shop.add(one, name)
            shop.predict(one, range(DAYS - 80, DAYS - 1), name)
    return home


@pytest.fixture
def shop(home: Path, made: Path) -> Iterator[Shop]:
    shutil.copytree(made, home)
    with shop_in(home) as found:
        yield found


def test_a_person_reads_it(shop: Shop, invplat: Run) -> None:
    ended = invplat("monitor", "--all", "--today", END)
    assert ended.exit_code == 0, ended.output
    assert "Forecasts" not in ended.stdout.split("\n")[0]
    assert "The forecasts say" in ended.stdout
    assert "fine-tune the model" in ended.stdout
    assert "findings in 2 businesses" in ended.stdout


def test_a_program_reads_it(shop: Shop, invplat: Run) -> None:
    ended = invplat("monitor", TENANT, "well", "--today", END, "--json")
    said = json.loads(ended.stdout)
    one, well = said["tenants"]
    assert {"bias", "accuracy_worse", "drift"} <= {each["kind"] for each in one["findings"]}
    assert well["findings"] == []
    assert well["accuracy"]["wape"] < well["accuracy"]["naive_wape"]
    assert well["predictions"] == PREDICTED.rows_of(shop.database, "well")


def test_findings_are_no_error_unless_that_is_wanted(shop: Shop, invplat: Run) -> None:
    assert invplat("monitor", TENANT, "--today", END).exit_code == 0
    assert invplat("monitor", TENANT, "--today", END, "--strict").exit_code == 3
    assert invplat("monitor", "well", "--today", END, "--strict").exit_code == 0
    late = END + timedelta(days=1)
    assert invplat("monitor", TENANT, "--today", END, "--strict", "--since", late).exit_code == 0


def test_files(shop: Shop, invplat: Run, tmp_path: Path) -> None:
    page, figures = tmp_path / "page.html", tmp_path / "invplat.prom"
    ended = invplat("monitor", "--all", "--today", END, "--html", page, "--prometheus", figures, "--json")
    assert json.loads(ended.stdout)["files"] == [str(figures), str(page)]
    text = page.read_text()
    for part in ("<svg", "Accuracy over time", "Drift", "The forecasts say", "1 of 2 businesses"):
        assert part in text
    assert "<script" not in text
    assert f'invplat_findings{{tenant="{TENANT}",kind="coverage",severity="high"}} 1' in figures.read_text()
    assert list(tmp_path.glob("*.part")) == []
    once = page.read_bytes()
    invplat("monitor", "--all", "--today", END, "--html", page)
    assert once.count(b"<section") - page.read_bytes().count(b"<section") in (0, 2)  # what was settled is told once


def test_a_page_of_one_business(shop: Shop, invplat: Run, tmp_path: Path) -> None:
    invplat("monitor", "well", "--today", END, "--html", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "Nothing to report" in text
    assert "All businesses" not in text


def test_alerts_arrive_once(shop: Shop, invplat: Run, tmp_path: Path) -> None:
    log = tmp_path / "alerts.jsonl"
    with listening([]) as (url, got):
        words = ("monitor", TENANT, "--today", END, "--log", log, "--webhook", url, "--json")
        first = json.loads(invplat(*words).stdout)["alerts"]
        second = json.loads(invplat(*words).stdout)["alerts"]
    assert second == []
    assert len(first) == 2 * len(log.read_text().splitlines()) == 2 * len(got[0][1]["alerts"])


def test_a_webhook_that_is_down(shop: Shop, invplat: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from invplat.monitor import webhook

    monkeypatch.setattr(webhook, "PAUSE", 0.0)
    with listening([]) as (url, _):
        pass
    ended = invplat("monitor", TENANT, "--today", END, "--webhook", url)
    assert ended.exit_code == 0
    assert "took nothing" in ended.stderr
    assert "t0ken" not in ended.output
    assert "s3cret" not in ended.output


def _rounds(monkeypatch: pytest.MonkeyPatch, *between: Callable[[], Any]) -> None:
    """A watch that sees so many things happen, and is then interrupted."""
    left = list(between)

    def sleep(seconds: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr(time, "sleep", sleep)


def test_watch(shop: Shop, invplat: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from invplat.monitor import look as module

    looks: list[str] = []
    read = module.read_facts
    monkeypatch.setattr(module, "read_facts", lambda *given: looks.append(given[2]) or read(*given))  # type: ignore[func-returns-value]

    def said() -> None:
        shop.predict(world(), range(DAYS - 1, DAYS))

    def hidden() -> None:
        shutil.move(shop.home / "storage" / "tenants" / TENANT / "datasets", shop.home / "hidden")

    _rounds(monkeypatch, lambda: None, said, hidden)
    ended = invplat("monitor", TENANT, "--today", END, "--watch", 60)
    assert ended.exit_code == 130
    assert looks == [TENANT] * 2  # not again while nothing has changed, nor where nothing is
    assert "no data of it yet" in ended.stderr
    assert ended.stdout.count("The forecasts say") == 1


def test_a_business_that_fails_does_not_stop_the_others(
    shop: Shop, invplat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = next((shop.home / "storage" / "tenants" / TENANT / "datasets" / "versions").glob("*.json"))
    manifest.write_text("damaged")
    ended = invplat("monitor", "--all", "--today", END, "--json")
    said = json.loads(ended.stdout)
    assert [one["tenant"] for one in said["tenants"]] == ["well"]
    assert "is not a dataset manifest" in said["failed"][TENANT]
    assert ended.exit_code == 1
    assert invplat("monitor", TENANT, "--today", END).exit_code == 2


def test_a_business_without_data(shop: Shop, invplat: Run) -> None:
    invplat("tenant", "add", "empty")
    ended = invplat("monitor", "empty", "--json")
    assert ended.exit_code == 0
    (one,) = json.loads(ended.stdout)["tenants"]
    assert "no data of it yet" in one["notes"][0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "there is no tenant 'nobody'"),
        ([], "no business is named"),
        (["shop", "--all"], "not both"),
        (["shop", "--watch", "60", "--strict"], "--watch never ends"),
        (["shop", "--webhook", "gopher://x"], "no address that can be posted to"),
        (["shop", "--watch", "0"], "--watch"),
        (["shop", "--today", "tomorrow"], "--today"),
        (["shop", "--today", "1999-01-01"], "no store of shop has a usable history"),
    ],
)
def test_mistakes(shop: Shop, invplat: Run, words: list[str], said: str) -> None:
    ended = invplat("monitor", *words)
    assert ended.exit_code == 2
    assert said in ended.stderr
