"""What the page says where something is not as it should be, or not there yet."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from .conftest import Open, Site, rows, settled, signed_in
from .fake_api import ADMIN, BARE, PRICELESS, READER
from .shop import STORES

EMPTY = {
    "Categories": "No categories yet",
    "Insights": "Nothing to tell yet",
    "Model": "No model of your own yet",
}


def test_trouble_is_told_with_what_to_do(opened: Open, site: Site) -> None:
    if site.app is None:
        pytest.skip("needs a service that can be told to fail")
    page = opened(expected="status of (401|403|404|429|503|500)|ERR_INTERNET_DISCONNECTED")
    signed = page.get_by_label("Key", exact=True)
    signed.fill("ip_no_such_key")
    page.keyboard.press("Enter")
    page.get_by_text("This key is not known here").wait_for()
    signed_in(page, site.key)
    rows(page).first.wait_for()

    site.app.state.fail[:] = [(429, {"Retry-After": "3"})]
    page.get_by_role("button", name="Ask again").click()
    page.get_by_text("Try again in 3 s").wait_for()
    page.get_by_role("button", name="Try again").click()
    rows(page).first.wait_for()

    site.app.state.fail[:] = [(503, {})] * 2  # for a moment: asked again without a word
    page.get_by_role("button", name="Ask again").click()
    rows(page).first.wait_for()

    site.app.state.fail[:] = [(500, {})]
    page.locator("nav").get_by_text("Insights").click()
    page.get_by_text("Something went wrong on the server").wait_for()

    page.goto(f"{site.url}/#/sku/{quote(STORES[0])}/no-such")
    page.get_by_text("has no SKU").wait_for()

    page.context.set_offline(True)
    page.get_by_text("You are offline").wait_for()
    page.locator("nav").get_by_text("Model").click()
    page.get_by_text("can’t be reached").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").first.click()
    page.locator(".model-name").wait_for()

    site.app.state.fail[:] = [(401, {})]  # taken back meanwhile
    page.locator("nav").get_by_text("Categories").click()
    page.get_by_text("not valid any more").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def test_the_latest_wish_wins_and_a_burst_is_one_question(opened: Open, site: Site) -> None:
    if site.app is None:
        pytest.skip("needs a service that tells what it was asked")
    page = opened(site.key)
    rows(page).first.click()
    page.locator(".chart-canvas svg").wait_for()
    site.app.state.asked.clear()
    lead = page.get_by_label("Lead time")
    for _ in range(20):
        lead.press("ArrowRight")
    wanted = int(lead.input_value())
    page.locator(".before-after tr.moved").first.wait_for()
    settled(page)
    asked = [body["defaults"]["lead_time"] for kind, body in site.app.state.asked if kind == "orders"]
    assert asked[-1] == wanted
    assert len(asked) < 10


def test_who_may_only_read_who_runs_it_and_who_has_nothing_yet(opened: Open, site: Site) -> None:
    if site.app is None:
        pytest.skip("needs the made-up businesses")
    page = opened(READER)
    page.locator("nav").get_by_text("Model").click()
    assert page.get_by_role("button", name="Fine-tune now").is_disabled()

    page = opened(ADMIN)
    rows(page).first.wait_for()
    page.get_by_label("Business").select_option("just-begun")
    page.get_by_text("No items yet").wait_for()

    page = opened(BARE)
    page.get_by_text("No items yet").wait_for()
    for way, told in EMPTY.items():
        page.locator("nav").get_by_text(way).click()
        page.get_by_text(told).wait_for()


def test_what_the_data_give_no_ground_for_is_shut_and_the_rest_is_asked(opened: Open, site: Site) -> None:
    if site.app is None:
        pytest.skip("needs a store without prices ahead")
    page = opened(site.key, expected="status of 422")
    page.get_by_label("All stores").select_option(PRICELESS)
    rows(page).first.click()
    page.get_by_label("Service level").press("End")
    page.locator(".before-after tr.moved").first.wait_for()
    page.get_by_label("Price").press("End")
    page.get_by_text("Can’t be asked: a price ahead is not among").wait_for()
    settled(page)
    assert page.get_by_label("Price").is_disabled()
    assert page.get_by_label("Price").input_value() == "0"
    assert page.locator(".before-after tr.moved").count() > 0, "the service level still counts"
    assert page.get_by_role("alert").count() == 0
