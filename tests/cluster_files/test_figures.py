"""Alerts and dashboards ask only for figures that somebody gives: our service, our monitor, Ray, Prometheus itself."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster_files.folder import BOARDS, FOLDER, ROOT, RULES, documents

PROMETHEUS = {"up"}
WORDS = {"by", "without", "and", "or", "unless", "on", "ignoring", "group_left", "group_right", "bool", "offset"}


@cache
def of_the_service() -> frozenset[str]:
    """As /metrics of a replica that has answered once shows them, without a key."""
    from invplat.serve.metrics import Metrics, observed_batch

    metrics = Metrics(lambda: 1.0)
    metrics.count("POST", "/v1/tenants/{tenant}/forecasts", 200, 0.01)
    observed_batch(1)
    families = text_string_to_metric_families(metrics.page().decode())
    return frozenset(sample.name for family in families for sample in family.samples)


@cache
def of_the_monitor() -> frozenset[str]:
    path = ROOT / "platform" / "invplat" / "monitor" / "prometheus.py"
    return frozenset(re.findall(r'"(invplat_\w+)"', path.read_text(encoding="utf-8"))) if path.exists() else frozenset()


@cache
def of_ray() -> frozenset[str]:
    """As Ray's own dashboards ask for them, and as the agent of each node names its gauges."""
    spec = find_spec("ray")
    assert spec is not None
    assert spec.origin is not None
    modules = Path(spec.origin).parent / "dashboard" / "modules"
    asked = {
        name
        for path in sorted((modules / "metrics" / "dashboards").glob("*_panels.py"))
        for name in re.findall(r"\bray_[a-z][a-z0-9_]+\b", path.read_text(encoding="utf-8"))
    }
    agent = (modules / "reporter" / "reporter_agent.py").read_text(encoding="utf-8")
    gauges = {f"ray_{name}" for name in re.findall(r'Gauge\(\s*"(\w+)"', agent)}
    assert len(asked) > 50
    assert len(gauges) > 20
    return frozenset(asked | gauges)


def asked_for(expression: str) -> set[str]:
    """The names of figures in an expression of PromQL."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    names = re.findall(r"(?<![\w.$])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return {name for name in names if name not in WORDS}


def expressions() -> list[tuple[str, str]]:
    found = [(rule["alert"], rule["expr"]) for group in documents(RULES)[0]["groups"] for rule in group["rules"]]
    for path in BOARDS:
        for panel in documents(path)[0]["panels"]:
            found += [(f"{path.stem}: {panel['title']}", target["expr"]) for target in panel["targets"]]
    return found


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("up", {"up"}),
        ('sum by (le, route) (rate(a_total{status=~"5..",b="c_d"}[5m])) / b_count > 0.01', {"a_total", "b_count"}),
        (
            "histogram_quantile(0.9, sum by (le) (rate(a_bucket[$__rate_interval]))) unless on (x) y_z",
            {"a_bucket", "y_z"},
        ),
        ('absent(up{job="ray"} == 1) and time() - a_seconds > 3600', {"up", "a_seconds"}),
    ],
)
def test_names_are_found_in_an_expression(expression: str, names: set[str]) -> None:
    assert asked_for(expression) == names


@pytest.mark.parametrize(
    ("place", "expression"), expressions(), ids=lambda value: re.sub(r"[^\w: ]", "", str(value))[:60]
)
def test_every_figure_is_one_that_somebody_gives(place: str, expression: str) -> None:
    names = asked_for(expression)
    assert names, place
    assert names - PROMETHEUS - of_the_service() - of_the_monitor() - of_ray() == set()
    assert expression.count("(") == expression.count(")")
    assert expression.count("{") == expression.count("}")


def test_labels_of_ours_are_those_of_the_figures() -> None:
    for place, expression in expressions():
        for name, inside in re.findall(r"\b(invplat_\w+)\{([^}]*)\}", expression):
            for label in re.findall(r"(\w+)\s*[=!]", inside):
                known = {"route", "method", "status", "le", "tenant", "category", "column", "kind", "severity"}
                assert label in known, f"{place}: {name} has no {label}"


def test_what_is_scraped_is_told_apart() -> None:
    for name in ("compose.yml", "kubernetes.yml"):
        (content,) = documents(FOLDER / "monitoring" / name)
        jobs = [each["job_name"] for each in content["scrape_configs"]]
        assert {"ray", "invplat"} <= set(jobs)
        for job in re.findall(r'job="(\w+)"', "".join(expression for _, expression in expressions())):
            assert job in jobs
