"""Figures for Prometheus as a text file, which node_exporter's textfile collector reads; written whole.

A value that is not known has no line; a business without findings has zeros, so that an alert can tell none from
nothing looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any

from invplat.core.files import write_whole
from invplat.monitor.finding import SEVERITIES
from invplat.monitor.look import Look

Line = tuple[dict[str, str], Any]


def write_text(looks: Sequence[Look], path: Path, at: float) -> Path:
    """`at`: seconds since 1970 when they were made."""
    return write_whole(path, text(looks, at).encode())


def text(looks: Sequence[Look], at: float) -> str:
    parts: list[tuple[str, str, Callable[[Look], list[Line]]]] = [
        ("invplat_wape", "Error of the last weeks' forecasts, as a share of what was sold.", _wape),
        (
            "invplat_naive_wape",
            "Error of the seasonal naive on the same cells.",
            lambda one: _figure(one, "naive_wape"),
        ),
        ("invplat_bias", "Forecasts less what came, as a share of it.", lambda one: _figure(one, "bias")),
        ("invplat_coverage", "Share of what came inside the outer interval.", lambda one: _figure(one, "coverage")),
        ("invplat_coverage_promised", "Share that it should hold.", lambda one: _figure(one, "promised")),
        ("invplat_drift_psi", "Drift of a column of the data against what the model has learnt from.", _psi),
        ("invplat_findings", "Findings by kind and severity.", _findings),
        ("invplat_data_age_days", "Days from the last known day to the day of the look.", _age),
    ]
    lines = []
    for name, about, taken in parts:
        rows = [(labels, value) for one in looks for labels, value in taken(one) if _known(value)]
        if rows:
            lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
            lines += [f"{name}{_labels(labels)} {float(value):.9g}" for labels, value in rows]
    name = "invplat_monitor_last_look_seconds"
    lines += [f"# HELP {name} When the look was made.", f"# TYPE {name} gauge", f"{name} {at:.3f}"]
    return "\n".join(lines) + "\n"


def _known(value: Any) -> bool:
    return value is not None and isfinite(value)


def _figure(one: Look, name: str) -> list[Line]:
    return [({"tenant": one.tenant}, one.accuracy.get(name))]


def _wape(one: Look) -> list[Line]:
    """Of the whole business, and by category."""
    groups = [({"tenant": one.tenant, "category": str(row["category"])}, row["wape"]) for row in _categories(one)]
    return [({"tenant": one.tenant, "category": "all"}, one.accuracy.get("wape")), *groups]


def _categories(one: Look) -> list[Any]:
    return [row for row in one.groups.get("category", []) if row["category"] not in ("", "all")]


def _psi(one: Look) -> list[Line]:
    return [({"tenant": one.tenant, "column": row.column}, row.psi) for row in one.drifts if not row.category]


def _findings(one: Look) -> list[Line]:
    counts: dict[tuple[str, str], int] = {}
    for finding in one.findings:
        counts[finding.kind, finding.severity] = counts.get((finding.kind, finding.severity), 0) + 1
    found: list[Line] = [
        ({"tenant": one.tenant, "kind": kind, "severity": severity}, number)
        for (kind, severity), number in sorted(counts.items())
    ]
    missing = [severity for severity in SEVERITIES if severity not in {severity for _, severity in counts}]
    return found + [({"tenant": one.tenant, "kind": "any", "severity": severity}, 0) for severity in missing]


def _age(one: Look) -> list[Line]:
    if one.end is None:
        return []
    return [({"tenant": one.tenant}, (date.fromisoformat(one.today) - date.fromisoformat(one.end)).days)]


def _labels(labels: dict[str, str]) -> str:
    def safe(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ",".join(f'{name}="{safe(value)}"' for name, value in labels.items()) + "}"
