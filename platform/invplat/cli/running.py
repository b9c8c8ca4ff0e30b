"""The note of the service that runs on this machine: HOME/serve.json, there while it runs, with no secret in it.

One home, one service: the note is claimed before anything starts. Knows nothing of what is served.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from invplat.core.errors import Conflict, SettingRefused, StorageError
from invplat.core.process import Process

FILE = "serve.json"


@dataclass(frozen=True)
class Running:
    process: Process
    since: str
    url: str | None = None  # none while it is starting
    facts: Mapping[str, Any] = field(default_factory=dict)  # as its deployment told them

    @property
    def alive(self) -> bool | None:
        """None where it can't be seen: another machine has the same home."""
        return self.process.alive


def find(home: Path) -> Running | None:
    """The service that runs, or whose note is there though it can't be seen; what is surely gone is not found."""
    found = _read(home / FILE)
    return None if found is None or found.alive is False else found


@contextmanager
def claimed(home: Path) -> Iterator[Claim]:
    """The note is this process's own for the time of a `with`, and gone afterwards."""
    path = home / FILE
    claim = Claim(path, Running(Process.this(), datetime.now(UTC).isoformat(timespec="seconds")))
    try:
        home.mkdir(parents=True, exist_ok=True)
        with open(home / f".{FILE}.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of two that start at once, one sees the other's note
            other = find(home)
            if other is not None:
                raise Conflict(f"{home} has a service already: {told(other)}", hint=_remedy(other, path))
            claim.write()
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror or error}", hint="give another --home") from error
    try:
        yield claim
    finally:
        now = _read(path)
        if now is not None and now.process == claim.running.process:
            path.unlink(missing_ok=True)


@dataclass
class Claim:
    path: Path
    running: Running

    def serves(self, url: str, **facts: Any) -> None:
        """From now on it can be asked there."""
        self.running = Running(self.running.process, self.running.since, url, facts)
        try:
            self.write()
        except OSError as error:
            raise StorageError(f"{self.path} can't be written: {error.strerror or error}") from error

    def write(self) -> None:
        """Whole or not at all, and for nobody else's eyes."""
        note = self.running
        content = {"url": note.url, "pid": note.process.pid, "since": note.since, **note.facts}
        text = json.dumps({**content, "process": asdict(note.process)}, indent=1)
        temporary = self.path.with_name(f".{secrets.token_hex(6)}.part")
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
                stream.write(text + "\n")
            os.replace(temporary, self.path)
        finally:
            temporary.unlink(missing_ok=True)


def told(running: Running) -> str:
    where = f"at {running.url}" if running.url else "still starting"
    return f"{where}, process {running.process.pid} on {running.process.host} since {running.since}"


def url_of(home: Path) -> str:
    """Where the service of this home can be asked."""
    found = find(home)
    if found is None:
        raise SettingRefused(
            f"no service runs that {home} knows of", hint="start one: invplat deploy; or say where it is: --url URL"
        )
    if found.url is None:
        raise SettingRefused(f"the service of {home} is {told(found)}", hint="ask again in a moment")
    return found.url


def _read(path: Path) -> Running | None:
    """A note that can't be read is none: it was written whole, so somebody else made it."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        content = json.loads(path.read_text())
        process = Process(**content.pop("process"))
        del content["pid"]
        return Running(process, str(content.pop("since")), content.pop("url"), content)
    return None


def _remedy(other: Running, path: Path) -> str:
    if other.alive is None:
        return f"if it is gone, remove {path}"
    return "stop it: invplat undeploy; or keep another beside it: --home FOLDER --port N"
