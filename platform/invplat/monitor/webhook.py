"""A webhook: findings by POST as JSON, tried again with growing pauses; one that is down is somebody else's trouble.

Its address may hold a secret in any part of it, so only its scheme and host are ever said.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from invplat.core.errors import SettingRefused
from invplat.monitor.alerts import Alert

TIMEOUT = 5.0  # seconds, for an answer
TRIES = 4
PAUSE = 0.5  # seconds before the second try, then twice as long each
AT_ONCE = 200  # alerts in one POST


@dataclass(frozen=True)
class Webhook:
    url: str
    complain: Callable[[str], None]
    pause: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            fits = parts.scheme in ("http", "https") and bool(parts.hostname)
            _ = parts.port
        except ValueError:
            fits = False
        if not fits:
            raise SettingRefused(
                "--webhook is no address that can be posted to", hint="write for example https://alerts.example/invplat"
            )

    def __repr__(self) -> str:
        return f"Webhook({self.shown})"

    @property
    def name(self) -> str:
        return f"webhook {hashlib.sha256(self.url.encode()).hexdigest()}"

    @property
    def shown(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}/…"

    def tell(self, alerts: list[Alert]) -> bool:
        return all(self._post(alerts[first : first + AT_ONCE]) for first in range(0, len(alerts), AT_ONCE))

    def _post(self, alerts: list[Alert]) -> bool:
        import requests

        why = ""
        for turn in range(TRIES):
            if turn:
                self.pause(PAUSE * 2 ** (turn - 1))
            try:
                answer = requests.post(
                    self.url,
                    json={"source": "invplat monitor", "alerts": alerts},
                    timeout=TIMEOUT,
                    allow_redirects=False,  # what is told goes where it was sent and nowhere else
                )
            except requests.RequestException as error:
                why = type(error).__name__  # its text holds the address
                continue
            if answer.ok and not answer.is_redirect:
                return True
            why = f"status {answer.status_code}"
            if answer.status_code < 500 and answer.status_code not in (408, 425, 429):
                break
        self.complain(f"the webhook {self.shown} took nothing ({why}); it is told at the next look")
        return False
