"""What a made-up look found at the made-up business: half a year of weeks, findings of each gravity, items far off."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from .shop import CATEGORIES, TODAY, Shop

QUIET: dict[str, Any] = {"looked": None, "findings": [], "accuracy": {}, "weeks": [], "off": [], "off_in_all": 0}
WEEKS, OFF = 26, (3, 40, 41, 77, 1203)


def watched(shop: Shop) -> dict[str, Any]:
    monday = TODAY - timedelta(days=TODAY.weekday())
    weeks = [_week(monday - timedelta(weeks=WEEKS - 1 - place), place) for place in range(WEEKS)]
    off = [_far(shop, row) for row in OFF]
    now = {name: weeks[-1][name] for name in ("wape", "naive_wape", "bias", "coverage", "promised", "cells")}
    return {
        "looked": TODAY.isoformat(),
        "findings": findings(),
        "accuracy": now,
        "weeks": weeks,
        "off": off,
        "off_in_all": len(off),
    }


def findings() -> list[dict[str, Any]]:
    return [
        _finding(
            "accuracy_worse",
            "high",
            f"The error of {CATEGORIES[5]} is 41 % of what was sold, where it was 27 %.",
            "fine-tune the model on newer data",
            CATEGORIES[5],
        ),
        _finding(
            "lead_times",
            "medium",
            "Orders from Nordic Dairy arrive after 9 days, where it was 5.",
            "ask the supplier; orders reckon with the new time from now on",
            "Nordic Dairy",
        ),
        _finding(
            "drift",
            "low",
            "Prices are 6 % higher than those that the model has learnt from (PSI 0.12).",
            "nothing yet; fine-tune the model if it goes on",
            "",
        ),
    ]


def _finding(kind: str, severity: str, sentence: str, remedy: str, subject: str) -> dict[str, Any]:
    since = (TODAY - timedelta(days=24)).isoformat()
    told = {"kind": kind, "severity": severity, "since": since, "subject": subject}
    return {**told, "sentence": sentence, "remedy": remedy, "figures": {}}


def _week(day: Any, place: int) -> dict[str, Any]:
    swing, late = math.sin(place * 1.3), max(place - 20, 0)
    return {
        "week": day.isoformat(),
        "cells": 35_000,
        "wape": 0.27 + 0.012 * swing + 0.018 * late,
        "naive_wape": 0.36 + 0.02 * math.cos(place * 0.9),
        "bias": -0.01 - 0.012 * late,
        "coverage": 0.89 + 0.01 * swing - 0.02 * late,
        "promised": 0.9,
        "pinball": {"0.5": 0.2},
    }


def _far(shop: Shop, row: int) -> dict[str, Any]:
    store, sku, _ = shop.names[row]
    expected = float(shop.level[row]) * 28
    sold = round(expected * 2.6)
    told = {"store": store, "sku": sku, "periods": 28, "expected": expected, "sold": sold, "outside": 17}
    return {**told, "off": sold / expected - 1}
