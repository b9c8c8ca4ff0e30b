"""A browser, and the page in it. Where there is no chromium the tests are skipped, and say so."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = os.environ.get("INVPLAT_SCREENSHOTS")  # read before a test's settings of its own hide it
RUNNING = (os.environ.get("INVPLAT_PAGE_URL"), os.environ.get("INVPLAT_PAGE_KEY"))  # of a service to be tried instead
WAIT = 20_000  # milliseconds
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
Open = Callable[..., Any]


@dataclass(frozen=True)
class Site:
    """Where the page is, and a key of a planner's."""

    url: str
    key: str
    app: Any = field(default=None, compare=False)  # the made-up API, where it is that


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    url, key = RUNNING
    if url and key:
        yield Site(url.rstrip("/"), key)
        return
    from .fake_api import PLANNER, fake

    app = fake()
    with up(app) as address:
        yield Site(address, PLANNER, app)


@contextmanager
def up(app: Any) -> Iterator[str]:
    """The application on a free port of this machine, in a thread."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none"))
    ready = threading.Event()
    began = server.startup

    async def startup(*args: Any, **more: Any) -> None:
        await began(*args, **more)
        ready.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(30), "the application did not start"
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Of one file: while it is there an event loop runs in this thread, which other tests want for themselves."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'invplat[dev]'")
    if not CHROMIUM.exists():
        pytest.skip(f"needs a browser at {CHROMIUM}: apt-get install chromium")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go."""
    folder = Path(PICTURES) if PICTURES else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def opened(browser: Any, site: Site) -> Iterator[Open]:
    """Pages that may say nothing to the console, and ask no other host."""
    contexts, wrong = [], []

    def open_page(key: str | None = None, expected: str = "^$", **more: Any) -> Any:
        context = browser.new_context(**{"viewport": DESK, "accept_downloads": True, **more})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("console", lambda one: wrong.append(one.text) if spoken(one, expected) else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda one: (wrong.append(f"dialog {one.message}"), one.dismiss()))
        ours = urlsplit(site.url).netloc
        page.on("request", lambda one: None if at_home(one.url, ours) else wrong.append(one.url))
        page.goto(site.url)
        if key is not None:
            signed_in(page, key)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def spoken(message: Any, expected: str) -> bool:
    return message.type in ("error", "warning") and not re.search(expected, message.text)


def at_home(url: str, host: str) -> bool:
    return url.startswith(("blob:", "data:")) or urlsplit(url).netloc == host


def signed_in(page: Any, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    page.locator("#main .page h1").wait_for()


def rows(page: Any) -> Any:
    return page.locator(".grid-body .grid-row")


def settled(page: Any) -> None:
    page.locator(".what-if [aria-busy=false]").wait_for()
