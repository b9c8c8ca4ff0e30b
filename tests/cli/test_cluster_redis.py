"""The Redis in which a cluster keeps what it knows: which is refused, and what goes with the cluster."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from invplat.cluster import kept, nodes, note
from tests.cli.clusters import Run, made
from tests.redis import real_redis


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[kept.Kept]:
    """A real one, of this test's own, which asks for a password."""
    with real_redis(tmp_path) as found:
        yield found


def test_what_a_redis_must_be(invplat: Run, redis: kept.Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((note.HOST, 0)) as held:
        nobody = held.getsockname()[1]
    at = f"{redis.host}:{redis.port}"
    for address, said in (
        (f"127.0.0.1:{nobody}", "no Redis answers"),
        (f"redis://:{redis.password}@{at}", "seen by many"),
        ("http://127.0.0.1:1", "no address of a Redis"),
        (at, "NOAUTH"),
    ):
        ended = invplat("cluster", "up", "--redis", address)
        assert (ended.exit_code, said in ended.stderr) == (2, True), ended.stderr
    monkeypatch.setenv(kept.PASSWORD, "wrong")
    assert "WRONGPASS" in invplat("cluster", "up", "--redis", at).stderr
    monkeypatch.setenv(kept.PASSWORD, redis.password)
    assert kept.wanted(f"redis://{at}") == redis


def test_what_redis_has_kept_goes_with_the_cluster(home: Path, redis: kept.Kept) -> None:
    with kept._Said(redis) as said:
        for number in range(1200):
            said.ask("HSET", f"RAYc1@{number}", "key", b"\r\n")
        said.ask("HSET", "RAYc2@KV", "key", "another's")
        found = made(home)
        redis.write(home)
        assert stat.S_IMODE((home / kept.FILE).stat().st_mode) == 0o600
        assert nodes.down(home) == 0
        assert said.ask("KEYS", "*") == [b"RAYc2@KV"]
    assert not found.folder.exists()
    assert list(home.iterdir()) == [home / f".{note.FILE}.lock"]
