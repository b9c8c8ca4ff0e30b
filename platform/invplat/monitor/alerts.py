"""Who is told of findings: a log file and a webhook, each once about each finding until it changes or is over.

What was told is remembered beside the business's figures, for each channel by itself: what a webhook that is down did
not take is told it by a later look. Nothing that goes wrong here stops a look.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from invplat.core.errors import InvplatError
from invplat.monitor.look import Look
from invplat.storage import Storage

NEW, OVER = "found", "over"
Alert = dict[str, Any]


class Channel(Protocol):
    """`name` tells one from another, for ever; `tell` says whether the alerts have arrived, and never raises."""

    @property
    def name(self) -> str: ...
    def tell(self, alerts: list[Alert]) -> bool: ...


@dataclass(frozen=True)
class Log:
    """A line of JSON for each alert, at the end of a file."""

    path: Path
    complain: Callable[[str], None]

    @property
    def name(self) -> str:
        return f"log {hashlib.sha256(str(self.path.absolute()).encode()).hexdigest()[:12]}"

    def tell(self, alerts: list[Alert]) -> bool:
        lines = "".join(json.dumps(alert, ensure_ascii=False) + "\n" for alert in alerts)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(lines)
        except OSError as error:
            self.complain(f"the log {self.path} can't be written: {error.strerror or error}")
            return False
        return True


def tell(storage: Storage, looks: Sequence[Look], channel: Channel) -> list[Alert]:
    """All in one go; the alerts that have arrived, or none."""
    news: dict[str, list[Alert]] = {}
    for made in looks:
        before = _told(storage, _place(made.tenant, channel))
        now = {finding.mark: finding for finding in made.findings}
        common = {"tenant": made.tenant, "day": made.today, "dataset": made.dataset}
        alerts: list[Alert] = [
            {"event": NEW, **common, **one.to_dict()} for mark, one in now.items() if mark not in before
        ]
        for mark in sorted(before - set(now)):
            kind, subject, severity = _parts(mark)
            alerts.append({"event": OVER, **common, "kind": kind, "subject": subject, "severity": severity})
        if alerts:
            news[made.tenant] = alerts
    arrived = [alert for alerts in news.values() for alert in alerts]
    if not arrived or not channel.tell(arrived):
        return []
    for made in looks:
        if made.tenant in news:
            marks = json.dumps(sorted(finding.mark for finding in made.findings))
            storage.write(_place(made.tenant, channel), marks.encode())
    return arrived


def _place(tenant: str, channel: Channel) -> str:
    return f"tenants/{tenant}/monitor/told/{hashlib.sha256(channel.name.encode()).hexdigest()[:16]}.json"


def _parts(mark: str) -> tuple[str, str, str]:
    """A subject may hold what parts the others."""
    kind, _, rest = mark.partition("|")
    subject, _, severity = rest.rpartition("|")
    return kind, subject, severity


def _told(storage: Storage, key: str) -> set[str]:
    try:
        return set(json.loads(storage.read(key)))
    except (FileNotFoundError, InvplatError, ValueError, TypeError):
        return set()  # rather told twice than never
