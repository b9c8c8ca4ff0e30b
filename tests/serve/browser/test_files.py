"""The page's files: types, headers, and that only they are served."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from invplat.serve.console import POLICY, release, router

MARKUP = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"  # text that becomes more than text
)
KINDS = [("app.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")]


@pytest.fixture
def client() -> TestClient:
    app = FastAPI(docs_url=None)
    app.include_router(router)
    return TestClient(app)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_is_guarded_and_names_its_files_by_their_digest(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert "script-src 'self'" in POLICY
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"
    named = re.findall(r'(?:src|href)="(/console/[^"]+)"', answer.text)
    assert len(named) > 3
    for each in named:
        found = client.get(each)
        assert found.status_code == 200
        assert "immutable" in found.headers["cache-control"]


def test_no_page_has_script_or_style_of_its_own_or_names_another_host() -> None:
    for name, file in release()[1].items():
        text = file.body.decode()
        hosts = [each for each in re.findall(r"https?://[^\s\"'`)]+", text) if each != "http://www.w3.org/2000/svg"]
        assert hosts == [], name
        if name.endswith(".html"):
            assert not re.search(r"<script(?![^>]*\bsrc=)", text)
            assert not re.search(r"<style|\son\w+=|\sstyle=", text)
        if name.endswith(".js"):
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), (
                name
            )


@pytest.mark.parametrize(
    ("name", "kind"), [("app.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")]
)
def test_types_and_what_a_browser_keeps(client: TestClient, name: str, kind: str) -> None:
    answer = client.get(f"/console/{name}")
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(f"/console/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    plain = client.get(f"/console/{name}", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content


def test_another_releases_digest_gets_the_present_file_for_now(client: TestClient) -> None:
    answer = client.get("/console/0123456789abcdef/app.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["__init__.py", "..%2Fapp.py", "%2e%2e/app.py", "nothing.js", "a/b/c.js", ".", "%00"])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    answer = client.get(f"/console/{path}")
    assert answer.status_code == 404
    assert "import" not in answer.text
