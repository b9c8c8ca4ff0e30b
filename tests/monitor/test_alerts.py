"""Alerts: once until something changes, wherever they go; a webhook that is down stops nothing and says no secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from invplat.core.errors import SettingRefused
from invplat.monitor.alerts import Log, tell
from invplat.monitor.finding import Finding
from invplat.monitor.look import Look
from invplat.monitor.prometheus import text
from invplat.monitor.webhook import TRIES, Webhook
from tests.monitor.shop import Shop

BIAS = Finding("bias", "high", "2024-12-02", "Too much.", "mend it", "tea | coffee", {"bias": 0.4})
STALE = Finding("stale_data", "medium", "2024-12-02", "Old.", "bring newer")


def found(*findings: Finding, tenant: str = "shop") -> Look:
    return Look(tenant, "2024-12-29", 1, "2024-12-28", None, findings)


@contextmanager
def listening(answers: list[int]) -> Iterator[tuple[str, list[Any]]]:
    """A webhook that gives these answers, one after the other, then 200; and what it was sent."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = answers.pop(0) if answers else 200
            got.append((status, json.loads(body)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *words: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://user:s3cret@127.0.0.1:{server.server_port}/hooks/t0ken?key=k3y", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_once_until_it_changes(shop: Shop, tmp_path: Path) -> None:
    log = Log(tmp_path / "logs" / "alerts.jsonl", pytest.fail)

    def told(*findings: Finding) -> list[tuple[str, str, str]]:
        return [(one["event"], one["kind"], one["severity"]) for one in tell(shop.storage, [found(*findings)], log)]

    assert told(BIAS, STALE) == [("found", "bias", "high"), ("found", "stale_data", "medium")]
    assert told(BIAS, STALE) == []
    graver = Finding("stale_data", "high", "2024-12-02", "Older.", "bring newer")
    assert told(BIAS, graver) == [("found", "stale_data", "high"), ("over", "stale_data", "medium")]
    assert told(graver) == [("over", "bias", "high")]
    assert told(BIAS, graver) == [("found", "bias", "high")]
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert len(lines) == 6
    assert lines[0]["subject"] == lines[4]["subject"] == "tea | coffee"


def test_another_business_and_another_channel_are_told_too(shop: Shop, tmp_path: Path) -> None:
    one, other = (Log(tmp_path / name, pytest.fail) for name in ("one", "other"))
    assert len(tell(shop.storage, [found(BIAS), found(BIAS, tenant="else")], one)) == 2
    assert len(tell(shop.storage, [found(BIAS)], other)) == 1


def test_a_webhook_is_tried_again(shop: Shop) -> None:
    pauses: list[float] = []
    with listening([503, 429, 500]) as (url, got):
        hook = Webhook(url, pytest.fail, pauses.append)
        assert len(tell(shop.storage, [found(BIAS)], hook)) == 1
    assert [status for status, _ in got] == [503, 429, 500, 200]
    assert pauses == [0.5, 1.0, 2.0]
    (alert,) = got[-1][1]["alerts"]
    assert alert["tenant"] == "shop"
    assert alert["figures"] == {"bias": 0.4}


@pytest.mark.parametrize("status", [404, 302])
def test_a_webhook_that_will_never_take_it_is_asked_once(shop: Shop, status: int) -> None:
    said: list[str] = []
    with listening([status]) as (url, got):
        assert tell(shop.storage, [found(BIAS)], Webhook(url, said.append, pytest.fail)) == []
        assert len(got) == 1
        assert f"status {status}" in said[0]
        assert len(tell(shop.storage, [found(BIAS)], Webhook(url, said.append, pytest.fail))) == 1  # it is told later


def test_a_webhook_that_is_down_stops_nothing_and_tells_no_secret(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    with listening([]) as (url, _):
        pass  # nobody listens any more
    said: list[str] = []
    hook = Webhook(url, said.append, lambda seconds: None)
    with caplog.at_level("INFO"):
        assert tell(shop.storage, [found(BIAS)], hook) == []
    assert TRIES == 4
    (line,) = said
    assert "127.0.0.1" in line
    for secret in ("s3cret", "t0ken", "k3y"):
        assert secret not in line + repr(hook) + caplog.text
    names = shop.storage.names("tenants/shop/monitor/told")
    assert names == []


@pytest.mark.parametrize("url", ["ftp://x/", "nonsense", "http://", "http://host:port/"])
def test_what_is_no_webhook_is_refused(url: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        Webhook(url, pytest.fail)
    assert url not in str(refused.value)


def test_a_log_that_cannot_be_written_is_said(shop: Shop, tmp_path: Path) -> None:
    said: list[str] = []
    assert tell(shop.storage, [found(BIAS)], Log(tmp_path, said.append)) == []
    assert "can't be written" in said[0]


def test_prometheus_reads_it() -> None:
    look = found(BIAS, STALE)
    odd = Look('a"b\\c\n', "2024-12-29", 1, "2024-12-28", None, accuracy={"wape": 0.25, "coverage": float("nan")})
    families = {one.name: one for one in text_string_to_metric_families(text([look, odd], 12.5))}
    assert families["invplat_wape"].samples[0].labels == {"tenant": odd.tenant, "category": "all"}
    assert families["invplat_wape"].samples[0].value == 0.25
    assert "invplat_coverage" not in families
    findings = {(one.labels["tenant"], one.labels["kind"]): one.value for one in families["invplat_findings"].samples}
    assert findings["shop", "bias"] == 1
    assert findings[odd.tenant, "any"] == 0
    assert families["invplat_monitor_last_look_seconds"].samples[0].value == 12.5
