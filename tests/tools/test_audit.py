"""The audit of pinned versions, against a database of our own that speaks as OSV's does."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.listening import listening
from tests.tools import audit

PINS = "# pinned\nJinja2==3.1.6\nrequests==2.0.0 # old\n\nray==2.60.0\n"


def vulnerability(id: str, package: str, *fixed: str, **more: Any) -> dict[str, Any]:
    events = [{"introduced": "0"}, *({"fixed": one} for one in fixed)]
    ranges = [{"type": "ECOSYSTEM", "events": events}, {"type": "GIT", "events": [{"fixed": "0a1b2c"}]}]
    affected = [{"package": {"name": package}, "ranges": ranges}]
    other = {"package": {"name": "else"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "99"}]}]}
    return {"id": id, "summary": f"{package} does\nharm", "affected": [*affected, other], **more}


@dataclass
class Database:
    url: str = ""
    has: dict[str, list[list[str]]] = field(default_factory=dict)  # by package: pages of ids
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)
    broken: bytes | None = None
    status: int = 200

    def add(self, package: str, *found: dict[str, Any]) -> None:
        self.has[package] = [[one["id"]] for one in found]  # a page each
        self.told |= {one["id"]: one for one in found}

    def of(self, question: dict[str, Any]) -> dict[str, Any]:
        pages, number = self.has.get(question["package"]["name"]), int(question.get("page_token", 0))
        if pages is None:
            return {}
        more = {"next_page_token": str(number + 1)} if number + 1 < len(pages) else {}
        return {"vulns": [{"id": id, "modified": "2026-01-01T00:00:00Z"} for id in pages[number]], **more}


@pytest.fixture
def database() -> Iterator[Database]:
    found = Database()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.asked.append(asked)
            self.say({"results": [found.of(question) for question in asked["queries"]]})

        def do_GET(self) -> None:
            told = found.told.get(self.path.removeprefix("/v1/vulns/"))
            found.status = 200 if told else 404
            self.say(told)

        def say(self, body: Any) -> None:
            content = found.broken if found.broken is not None else json.dumps(body).encode()
            self.send_response(found.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as found.url:
        yield found


@pytest.fixture
def audited(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    def run(*words: str, accepted: str = "", pins: str = PINS, code: int = 0) -> str:
        (tmp_path / "pins.txt").write_text(pins)
        (tmp_path / "accepted.toml").write_text(accepted)
        monkeypatch.setattr(audit, "CONSTRAINTS", tmp_path / "pins.txt")
        monkeypatch.setattr(audit, "ACCEPTED", tmp_path / "accepted.toml")
        monkeypatch.setattr(sys, "argv", ["audit", "--url", database.url, *words])
        assert audit.main() == code
        out, wrong = capsys.readouterr()
        return out + wrong

    return run


def test_nothing_is_known(audited: Any, database: Database) -> None:
    assert "3 versions, none" in audited("--strict")
    (asked,) = database.asked
    assert [(one["package"], one["version"]) for one in asked["queries"]] == [
        ({"name": name, "ecosystem": "PyPI"}, version)
        for name, version in (("jinja2", "3.1.6"), ("requests", "2.0.0"), ("ray", "2.60.0"))
    ]


def test_what_is_known_fails_with_what_mends_it(audited: Any, database: Database) -> None:
    database.add("requests", vulnerability("GHSA-1", "Requests", "2.1.0", aliases=["CVE-1"]))
    database.add("ray", vulnerability("GHSA-2", "ray"), vulnerability("PYSEC-3", "ray", "2.61.0", "2.60.1"))
    said = audited(code=1)
    assert said.splitlines() == [
        "audit: known vulnerabilities",
        "  requests 2.0.0: GHSA-1, CVE-1, fixed in 2.1.0: Requests does harm",
        "  ray 2.60.0: GHSA-2, no version mends it yet: ray does harm",
        "  ray 2.60.0: PYSEC-3, fixed in 2.60.1 or 2.61.0: ray does harm",
    ]


def test_the_same_on_two_lists_is_one_and_what_was_withdrawn_is_none(audited: Any, database: Database) -> None:
    database.add(
        "ray",
        vulnerability("GHSA-1", "ray", aliases=["CVE-1"]),
        vulnerability("PYSEC-1", "ray", aliases=["CVE-1"]),
        vulnerability("GHSA-9", "ray", withdrawn="2026-01-01T00:00:00Z"),
    )
    assert len(audited(code=1).splitlines()) == 2


def test_what_is_accepted_passes_until_its_day(audited: Any, database: Database) -> None:
    database.add("ray", vulnerability("GHSA-1", "ray", aliases=["CVE-1"]))
    entry = '[[vulnerability]]\npackage = "{}"\nid = "CVE-1"\nreason = "no way there"\nuntil = {}\n'
    assert "none with" in audited(accepted=entry.format("ray", "2999-01-01"))
    assert "was accepted until 2020-01-01" in audited(accepted=entry.format("ray", "2020-01-01"), code=1)
    assert "ray 2.60.0" in audited(accepted=entry.format("requests", "2999-01-01"), code=1)


def test_one_that_is_listed_counts_even_if_nothing_more_is_told(audited: Any, database: Database) -> None:
    database.has["ray"] = [["GHSA-1"]]
    assert "ray 2.60.0: GHSA-1, no version mends it yet" in audited(code=1)


def test_many_versions_are_asked_in_packs(audited: Any, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PACK", 2)
    database.add("ray", vulnerability("GHSA-1", "ray"))
    assert "GHSA-1" in audited(code=1)
    assert [len(one["queries"]) for one in database.asked] == [2, 1]


@pytest.mark.parametrize("broken", [b"<html>a proxy", b"{}", b'{"results": []}', b"[1]"])
def test_an_answer_without_sense_is_no_audit(audited: Any, database: Database, broken: bytes) -> None:
    database.broken = broken
    assert audited().startswith("audit: not done")
    assert len(audited("--strict", code=1).splitlines()) == 1


def test_nobody_there_and_a_refusal_are_no_audit(audited: Any, database: Database) -> None:
    assert audited("--url", "http://127.0.0.1:9").startswith("audit: not done")
    assert "not done" in audited("--url", "http://127.0.0.1:9", "--strict", code=1)
    database.status = 503
    assert "not done" in audited()
