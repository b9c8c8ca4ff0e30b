"""A planner's morning in a true browser: sign in, sort, filter, open a SKU, move the sliders, export, fine-tune.

It takes a base URL and a key, so any service can stand behind the page.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .conftest import Open, Site, rows, settled
from .shop import NASTY

THEN = "document.querySelector('[data-figure={}]').innerText"
FOCUS = """() => {
  const one = document.activeElement;
  const outline = one === document.body ? "" : getComputedStyle(one).outlineStyle;
  return [one.innerText || one.ariaLabel || one.tagName, outline];
}"""


def cells(page: Any, kind: str) -> list[str]:
    """Of the rows in sight, from above."""
    found = page.evaluate(
        "kind => [...document.querySelectorAll('.grid-body .grid-row')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)"
        ".map(row => row.querySelector(kind).innerText)",
        f".{kind}",
    )
    return list(found)


def numbers(texts: list[str]) -> list[float]:
    return [float(text.replace(",", "").removeprefix("< ")) for text in texts if text and text != "–"]


def then(page: Any, figure: str) -> str:
    return str(page.locator(f"[data-figure={figure}]").inner_text())


def test_a_planners_morning(opened: Open, site: Site) -> None:
    page = opened(site.key, expected="status of 422")
    rows(page).first.wait_for()
    count = int(page.locator(".totals-count").inner_text().split()[0].replace(",", ""))
    assert rows(page).count() < 60, "only what is in sight is drawn"
    risks = numbers(cells(page, "c-money"))
    assert risks == sorted(risks, reverse=True)

    page.get_by_role("columnheader", name="Cover").get_by_role("button").click()
    page.get_by_role("columnheader", name="Cover").get_by_role("button").click()
    assert page.get_by_role("columnheader", name="Cover").get_attribute("aria-sort") == "ascending"
    assert "sort=cover" in page.url

    page.get_by_role("columnheader", name="At risk").get_by_role("button").click()
    page.locator(".card.stockout").click()
    # That with the most items in sight, so that there is a next one to go to.
    category = Counter(text.split(" · ")[-1] for text in cells(page, "c-item")).most_common(1)[0][0]
    page.get_by_label("All categories").select_option(label=category)
    page.wait_for_function(f"() => !document.querySelector('.totals-count').innerText.startsWith('{count:,} ')")
    assert all(category in text for text in cells(page, "c-item"))
    assert all("Stockout expected" in text for text in cells(page, "c-why"))
    shown = int(page.locator(".totals-count").inner_text().split()[0].replace(",", ""))

    with page.expect_download() as coming:
        page.get_by_role("button", name="Export CSV").click()
    assert re.fullmatch(r"orders-[a-z0-9_-]+-\d{4}-\d\d-\d\d\.csv", coming.value.suggested_filename)
    text = Path(coming.value.path()).read_text(encoding="utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == shown
    assert {line["category"] for line in lines} == {category}
    at_risk = [float(line["money_at_risk"]) for line in lines if line["money_at_risk"]]
    assert at_risk == sorted(at_risk, reverse=True)

    rows(page).first.click()
    page.locator(".chart-canvas svg").wait_for()
    assert page.locator(".line.mean").first.get_attribute("d")
    before = {name: then(page, name) for name in ("order_up_to", "safety_stock", "mean_demand")}
    page.get_by_label("Service level").press("End")
    page.locator(".before-after tr.moved").first.wait_for()
    settled(page)
    assert numbers([then(page, "safety_stock")]) > numbers([before["safety_stock"]])
    page.get_by_text("On", exact=True).click()
    page.locator(".shut, .moved [data-figure=mean_demand]").first.wait_for()  # shut where the model knows no promotion
    settled(page)
    if not page.locator(".shut").count():
        assert then(page, "mean_demand") != before["mean_demand"]
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function(f"old => {THEN.format('order_up_to')} === old", arg=before["order_up_to"])

    page.locator(".chart-canvas").focus()
    page.keyboard.press("ArrowRight")
    assert "Expected" in page.locator(".readout").inner_text()
    sku = page.url
    page.get_by_role("button", name="The next item").click()
    page.wait_for_url(lambda url: url != sku)
    page.get_by_role("button", name="The item before").click()
    page.wait_for_url(sku)
    page.locator(".chart-canvas svg").wait_for()
    page.get_by_text("The chart as a table").click()
    page.locator(".fold table").wait_for()
    assert page.locator(".fold table tbody tr").count() > 28

    page.keyboard.press("Escape")
    rows(page).first.wait_for()
    assert "category=" in page.url, "back where the list was left"

    page.locator("nav").get_by_text("Model").click()
    page.get_by_role("button", name="Fine-tune now").click()
    page.locator(".progress").wait_for()
    page.locator("nav").get_by_text("Insights").click()  # it goes on meanwhile
    page.locator(".notice", has_text="Fine-tune done").wait_for(timeout=120_000)
    page.locator("nav").get_by_text("Model").click()
    assert page.locator(".progress").get_attribute("data-state") == "done"
    page.locator(".model-name").wait_for()


def test_names_from_outside_are_text_wherever_they_stand(opened: Open, site: Site) -> None:
    if site.app is None:
        pytest.skip("needs the made-up business, whose names are nasty")
    page = opened(site.key)
    rows(page).first.wait_for()
    for name in NASTY:
        page.get_by_label("Filter the orders").fill(name)
        page.wait_for_function("name => document.querySelector('.grid-body .name')?.textContent === name", arg=name)
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.locator(".chart-canvas svg").wait_for()
        assert page.locator("h1").inner_text() == name
        assert name in page.title()
        page.go_back()
        rows(page).first.wait_for()
    page.get_by_label("Filter the orders").fill("=HYPERLINK")
    page.wait_for_function("() => document.querySelector('.grid-body .name')?.textContent === '=HYPERLINK(0)'")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Export CSV").click()
    lines = list(csv.DictReader(io.StringIO(Path(coming.value.path()).read_text(encoding="utf-8-sig"))))
    assert {line["sku"] for line in lines} == {"'=HYPERLINK(0)"}, "no spreadsheet runs it"
    for way in ("Categories", "Insights"):
        page.locator("nav").get_by_text(way).click()
        page.locator(f".page-{way.lower()} .table").first.wait_for()
    assert page.evaluate("document.querySelectorAll('#main b > img, #main img, #main script, #main i').length") == 0
    assert page.get_by_text("<img src=x onerror=alert(1)>").count() > 0


def test_by_keyboard_alone(opened: Open, site: Site) -> None:
    if site.app is None:
        pytest.skip("needs the made-up business, whose items it knows")
    page = opened()
    page.keyboard.type(site.key)  # the field has the focus
    page.keyboard.press("Enter")
    rows(page).first.wait_for()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.type("porto bakery")
    page.wait_for_function("() => document.querySelector('.totals-count').innerText.includes(' of ')")
    page.keyboard.press("ArrowDown")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    chosen = page.locator(".grid-row.active")
    assert chosen.get_attribute("id") == page.get_by_role("grid").get_attribute("aria-activedescendant") == "row-2"
    name = chosen.locator(".name").inner_text()
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelector('.grid-row.active') && scrollY > 500")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator(".chart-canvas svg").wait_for()
    assert page.locator("h1").inner_text() == name
    page.keyboard.press("Escape")
    page.locator(".grid-row.active").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "grid", "where the list was left"
    seen = set()
    for _ in range(60):  # all can be reached, and what has the focus can be seen
        page.keyboard.press("Tab")
        name, outline = page.evaluate(FOCUS)
        seen.add(name)
        assert outline != "none", name
    assert {"Export CSV", "Sign out", "Insights", "All stores"} <= {one.strip().split("\n")[0] for one in seen}
