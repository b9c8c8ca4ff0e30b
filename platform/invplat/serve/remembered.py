"""What took long to find out and is still true, such as insights: found out once, however many ask at once.

So that such work never crowds out the quick, only a few such pieces are worked on at a time, and a few more may wait.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from invplat.serve.limits import too_many

T = TypeVar("T")
AT_ONCE = 2
WAITING = 4
PATIENCE = 5.0  # seconds after which who is refused may come again


class Remembered:
    """The last `most` answers; safe for threads, and only to be asked in one."""

    def __init__(self, most: int, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._turns: dict[Hashable, tuple[threading.Lock, list[None]]] = {}
        self._work = threading.BoundedSemaphore(at_once)
        self._room = at_once + waiting
        self._here = 0

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """What is remembered of `key`, or what `find` says; 429 where too many wait already."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast(T, self._kept[key])
            if self._here >= self._room:
                raise too_many("too much of this kind is being worked on", PATIENCE)
            self._here += 1
            turn, users = self._turns.setdefault(key, (threading.Lock(), []))
            users.append(None)
        try:
            with turn:
                with self._lock:
                    if key in self._kept:
                        return cast(T, self._kept[key])
                with self._work:
                    found = find()
                with self._lock:
                    self._kept[key] = found
                    while len(self._kept) > self._most:
                        self._kept.popitem(last=False)
                return found
        finally:
            with self._lock:
                self._here -= 1
                users.pop()
                if not users:
                    self._turns.pop(key, None)
