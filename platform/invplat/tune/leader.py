"""Who leads a study: one process at a time, known by a file that it renews as long as it lives.

Each leader's file has the next number, created so that of two only one gets it; the highest counts. A leader that was
killed is seen at once on its own machine, and from elsewhere by its silence.
"""

from __future__ import annotations

import json
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from invplat.core.errors import Conflict, InvplatError
from invplat.core.process import Process
from invplat.storage import Storage

BEAT = 10.0  # seconds between two signs of life
SILENT = 60.0  # seconds without one after which a leader on another machine may be dead
WATCH = 2.5 * BEAT  # seconds in which it is then seen to be: its clock need not be ours


@dataclass(frozen=True)
class Sign:
    host: str
    pid: int
    ids: str
    born: str
    time: float  # unix time of the last sign
    ended: bool = False

    @classmethod
    def now(cls) -> Sign:
        return cls(**asdict(Process.this()), time=time.time())

    @property
    def alive(self) -> bool:
        if self.ended:
            return False
        seen = Process(self.host, self.pid, self.ids, self.born).alive
        return abs(time.time() - self.time) < SILENT if seen is None else seen


class Leader:
    """Of a study, until another has taken over, which happens only after a long silence."""

    def __init__(self, storage: Storage, prefix: str, name: str, number: int, sign: Sign) -> None:
        self._storage, self._prefix, self._name, self._number, self._sign = storage, prefix, name, number, sign
        self._over = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._beating, name=f"study {name}", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Refuses where another leads by now."""
        if self._lost:
            raise Conflict(
                f"another process has taken over study {self._name}", hint="let it finish; nothing that ended is lost"
            )

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        with suppress(InvplatError):  # the storage may be what is gone
            self._storage.write(_key(self._prefix, self._number), _bytes(replace(self._sign, ended=True)))

    def _beating(self) -> None:
        while not self._over.wait(BEAT):
            with suppress(InvplatError):
                if _last(self._storage, self._prefix) != self._number:
                    self._lost = True
                    return
                self._storage.write(_key(self._prefix, self._number), _bytes(replace(self._sign, time=time.time())))


@contextmanager
def leading(storage: Storage, prefix: str, name: str) -> Iterator[Leader]:
    last = _last(storage, prefix)
    before = sign_of(storage, prefix)
    sign = Sign.now()
    if (before is not None and _lives(storage, prefix, before)) or not storage.create(
        _key(prefix, last + 1), _bytes(sign)
    ):
        who = before or sign
        raise Conflict(
            f"study {name} is being run by process {who.pid} on {who.host}",
            hint=f"wait for it, or stop it and then --resume {name}"
            + ("" if who.host == platform.node() else f"; if it is gone, in {SILENT:.0f} seconds"),
        )
    leader = Leader(storage, prefix, name, last + 1, sign)
    try:
        yield leader
    finally:
        leader.end()


def _lives(storage: Storage, prefix: str, sign: Sign) -> bool:
    """By its sign; where that speaks of another time than ours, by whether it signs again."""
    if sign.alive or sign.ended or Process(sign.host, sign.pid, sign.ids, sign.born).alive is not None:
        return sign.alive
    time.sleep(WATCH)
    return sign_of(storage, prefix) != sign


def sign_of(storage: Storage, prefix: str) -> Sign | None:
    """Of the one who leads or led last."""
    last = _last(storage, prefix)
    if not last:
        return None
    raw: dict[str, Any] = json.loads(storage.read(_key(prefix, last)))
    return Sign(**raw)


def _last(storage: Storage, prefix: str) -> int:
    return max((int(name.split(".")[0]) for name in storage.names(prefix) if name.endswith(".json")), default=0)


def _key(prefix: str, number: int) -> str:
    return f"{prefix}/{number:06d}.json"


def _bytes(sign: Sign) -> bytes:
    return json.dumps(asdict(sign)).encode()
