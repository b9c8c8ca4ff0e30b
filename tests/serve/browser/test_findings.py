"""What the last look found, on the pages of a planner: the grave first, the rest a click away, nothing where all is
well; and the items whose forecasts were far off among the exceptions."""

from __future__ import annotations

import pytest

from .conftest import Open, Site, rows
from .fake_api import BARE
from .lately import OFF, QUIET, findings
from .shop import CATEGORIES


def test_findings_stand_above_the_orders_and_lead_to_all_of_them(opened: Open, site: Site) -> None:
    if site.app is None:
        pytest.skip("needs the made-up business, whose findings it knows")
    page = opened(site.key)
    alerts = page.locator(".alerts .finding")
    alerts.first.wait_for()
    assert alerts.count() == 2, "what is only good to know is elsewhere"
    told = alerts.first.inner_text()
    assert CATEGORIES[5] in told, "a category's name is text"
    assert "What to do: fine-tune the model on newer data." in told
    page.locator(".alerts").get_by_role("link", name="see them all").click()
    page.locator(".goodness .finding").first.wait_for()
    assert page.locator(".goodness .finding").count() == len(findings())
    assert page.locator(".weeks > svg path.line.mean").get_attribute("d").count("L") == 25
    figures = page.locator(".goodness .figures").inner_text()
    assert "Seasonal naive" in figures
    assert "90 % is promised" in figures


def test_items_far_off_are_an_exception(opened: Open, site: Site) -> None:
    if site.app is None:
        pytest.skip("needs the made-up business, whose items it knows")
    page = opened(site.key)
    card = page.locator(".card.forecast_off")
    card.wait_for()
    assert card.locator(".card-count").inner_text() == str(len(OFF))
    card.click()
    page.wait_for_function("n => document.querySelectorAll('.grid-body .grid-row').length === n", arg=len(OFF))
    assert page.locator(".badge.forecast_off").count() == len(OFF)
    rows(page).first.click()
    page.locator(".decision .badge.forecast_off").wait_for()
    assert "lay outside the forecast" in page.locator(".decision-why").inner_text()
    page.locator("nav").get_by_text("Model").click()
    page.locator(".goodness").get_by_role("link", name="5 items").click()
    page.wait_for_function("n => document.querySelectorAll('.grid-body .grid-row').length === n", arg=len(OFF))


def test_nothing_is_said_where_there_is_nothing_to_say(opened: Open, site: Site) -> None:
    if site.app is None:
        pytest.skip("needs the made-up businesses")
    before = site.app.state.accuracy
    site.app.state.accuracy = {**QUIET, "looked": "2026-08-01"}
    try:
        page = opened(site.key)
        rows(page).first.wait_for()
        with page.expect_response("**/accuracy"):
            page.get_by_role("button", name="Ask again").click()
        rows(page).first.wait_for()
        assert page.locator(".alerts").count() == 0
        assert page.locator(".card.forecast_off").count() == 0
        page.locator("nav").get_by_text("Model").click()
        page.get_by_text("Nothing to report.").wait_for()
    finally:
        site.app.state.accuracy = before
    page = opened(BARE)
    page.get_by_text("No items yet").wait_for()
    page.locator("nav").get_by_text("Model").click()
    page.get_by_text("Nobody has looked yet").wait_for()


def test_a_challenger_is_told_of_beside_the_champion(opened: Open, site: Site) -> None:
    if site.app is None:
        pytest.skip("needs the made-up business, which tries a challenger")
    page = opened(site.key)
    page.locator("nav").get_by_text("Model").click()
    tried = page.get_by_role("region", name="Challenger", exact=True)
    tried.wait_for()
    told = tried.inner_text()
    assert "mlp@6 is tried beside it" in told
    assert "26.1 %" in told
