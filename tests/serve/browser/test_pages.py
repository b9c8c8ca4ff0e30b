"""Every page, light and dark, on a desk and on a phone: it fits, it can be read, it has names, and a picture of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .conftest import DESK, PHONE, Open, Site, rows, signed_in

HERE = Path(__file__).parent
CONTRAST, NAMELESS = ((HERE / name).read_text() for name in ("contrast.js", "nameless.js"))
FITS = "document.documentElement.scrollWidth <= innerWidth"
READY = {"Categories": ".spark", "Insights": ".insight", "Model": ".goodness", "API": ".curl"}


def test_every_page_on_a_desk_and_on_a_phone(opened: Open, site: Site, pictures: Path) -> None:
    for size, view in (("desktop", DESK), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            page = opened(viewport=view, color_scheme=scheme, has_touch=size != "desktop", reduced_motion="reduce")
            shot(page, pictures, f"door-{size}-{scheme}", view)
            signed_in(page, site.key)
            rows(page).first.wait_for()
            if site.app is not None:
                page.locator(".alerts").wait_for()
            shot(page, pictures, f"today-{size}-{scheme}", view, whole=False)
            rows(page).nth(1).click()
            page.locator(".chart-canvas svg").wait_for()
            shot(page, pictures, f"sku-{size}-{scheme}", view)
            for way, ready in READY.items():
                page.locator("nav").get_by_text(way, exact=True).click()
                page.locator(ready).first.wait_for()
                shot(page, pictures, f"{way.lower()}-{size}-{scheme}", view)
    assert len(list(pictures.glob("*.png"))) >= 7 * 4


def test_the_api_is_described_by_our_own_page(opened: Open, site: Site, pictures: Path) -> None:
    for size, scheme, view in (("desktop", "light", DESK), ("phone", "dark", PHONE)):
        page = opened(viewport=view, color_scheme=scheme)
        page.goto(f"{site.url}/docs")
        page.locator(".operation").first.wait_for()
        orders = page.locator("#post--v1-tenants-tenant-orders")
        assert "budget" in orders.inner_text()
        assert "curl -s -X POST" in orders.inner_text()
        shot(page, pictures, f"docs-{size}-{scheme}", view, whole=False)


def shot(page: Any, folder: Path, name: str, view: dict[str, int], *, whole: bool = True) -> None:
    assert page.evaluate(CONTRAST) == [], name
    assert page.evaluate(NAMELESS) == [], name
    if view is PHONE:
        page.set_viewport_size({**view, "width": 360})
        assert page.evaluate(FITS), f"{name} is wider than 360"
        page.set_viewport_size(view)
    assert page.evaluate(FITS), f"{name} is wider than its window"
    if whole:
        tall = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({**view, "height": max(view["height"], tall)})
    page.screenshot(path=folder / f"{name}.png")
    page.set_viewport_size(view)
