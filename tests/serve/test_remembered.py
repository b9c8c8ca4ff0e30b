"""What takes long is found out once, and never by too many at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from invplat.serve.problems import Refused
from invplat.serve.remembered import Remembered


def test_once_however_many_ask() -> None:
    kept, found = Remembered(2), []
    gate = threading.Event()

    def find() -> int:
        found.append(1)
        gate.wait(30)
        return 7

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(kept.get, "a", find) for _ in range(4)]
        gate.set()
        assert [each.result() for each in answers] == [7] * 4
    assert len(found) == 1


def test_only_the_last_are_kept() -> None:
    kept, found = Remembered(2), []

    def find(name: str) -> str:
        found.append(name)
        return name

    for name in ("a", "b", "a", "c", "a", "b"):
        kept.get(name, lambda name=name: find(name))  # type: ignore[misc]
    assert found == ["a", "b", "c", "b"]


def test_what_failed_is_tried_again() -> None:
    kept = Remembered(2)

    def fail() -> None:
        raise ValueError("not now")

    for _ in range(3):
        with pytest.raises(ValueError, match="not now"):
            kept.get("a", fail)
    assert kept.get("a", lambda: 1) == 1
    assert kept._turns == {}


def test_too_many_are_told_to_come_later() -> None:
    kept = Remembered(9, at_once=1, waiting=1)
    began, gate = threading.Event(), threading.Event()

    def find() -> int:
        began.set()
        gate.wait(30)
        return 1

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.get, "a", find)
        began.wait(30)
        second = pool.submit(kept.get, "b", find)
        while kept._here < 2:
            pass
        with pytest.raises(Refused) as refused:
            kept.get("c", find)
        assert refused.value.status == 429
        gate.set()
        assert first.result() + second.result() == 2
    assert kept.get("c", lambda: 3) == 3
