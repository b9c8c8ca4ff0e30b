"""Three nodes on this machine that serve, of which one is lost, cut off, or the head: whoever asks by the client gets
every answer."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from invplat.cluster import nodes, note
from invplat.cluster.note import HEAD, number
from invplat.core.errors import InvplatError
from tests.chaos.promises import Promise
from tests.chaos.three import REPLICA, Asking, Three, three
from tests.chaos.tuning import until
from tests.redis import real_redis
from tests.transfer.firms import NAMES, firms_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TENANT = NAMES[0]
NODE = "a worker node killed while it serves"
LOST = "the head killed while serving, its knowledge in Redis"
CUT = "a node that serves cut off the network, and brought back"


@pytest.fixture
def shops(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    firms_in(home, tmp_path_factory)
    return home


@pytest.fixture
def apart() -> bool:
    """Whether nodes can have addresses of their own here."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


@pytest.fixture
def cut_off(shops: Path) -> Iterator[Three]:
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("only root can cut a node off, by the program ip")
    try:
        with three(shops, namespaces=True) as found:
            yield found
    except InvplatError as error:
        if error.hint and "--namespaces" in error.hint:
            pytest.skip(f"no network namespaces here: {error.message}")
        raise


@pytest.mark.long
def test_a_node_that_serves(shops: Path, promise: Promise) -> None:
    promise(NODE, "no request of the client lost; a second replica again on another node")
    with three(shops) as cluster:
        url, key = deployed(cluster, "127.0.0.1")
        with Asking().of(url, key, TENANT) as asking:
            asking.more()
            victim = cluster.worker_of(REPLICA)
            began = cluster.kill(victim)
            until(lambda: cluster.running(REPLICA).total() == 2)
            again = time.monotonic() - began
            asking.more()
        assert asking.lost == []
        status = cluster.invplat("cluster", "status")
        assert [node["node"] for node in status["nodes"] if not node["alive"]] == [victim]
        assert (status["state"], status["applications"][0]["state"]) == ("degraded", "RUNNING")
    promise(NODE, measured=figures(asking, began) | {"seconds to recover": again})


@pytest.mark.long
def test_the_head(shops: Path, apart: bool, tmp_path: Path, promise: Promise) -> None:
    promised = "no request of the client lost; other nodes answer on; `cluster heal` brings the head back as it was"
    promise(LOST, promised)
    with real_redis(tmp_path) as redis, three(shops, redis=redis, namespaces=apart) as cluster:
        url, key = deployed(cluster, "0.0.0.0" if apart else "127.0.0.1")
        other = address(cluster, url, cluster.worker_of(REPLICA))
        if apart:
            until(lambda: reached(other))
        with Asking().of(url, key, TENANT, 120) as asking, Asking().of(other, key, TENANT, 120) as elsewhere:
            asking.more()
            elsewhere.more()
            before = cluster.running(REPLICA)
            began = cluster.kill(HEAD)
            if apart:
                elsewhere.more(10 * 20)  # there is no head, and it answers
            healed = cluster.invplat("cluster", "heal")["healed"]
            asking.more()
            again = time.monotonic() - began
            until(lambda: cluster.running(REPLICA).total() == before.total())
            elsewhere.more()
        assert healed == [HEAD]
        assert asking.lost == elsewhere.lost == []
        status = cluster.invplat("cluster", "status")
        assert (status["state"], status["applications"][0]["state"]) == ("up", "RUNNING")
        assert all(node["alive"] for node in status["nodes"])
    told = {"longest answer by another node, s": elsewhere.longest(began)} if apart else {}
    measured = {"longest answer by the head, s": asking.longest(began), **told, "seconds to recover": again}
    promise(LOST, measured={"requests lost": 0, "of": len(asking.answers) + len(elsewhere.answers), **measured})


@pytest.mark.long
def test_a_node_cut_off(shops: Path, cut_off: Three, promise: Promise) -> None:
    promise(CUT, "no request of the client lost; its work goes on elsewhere; it ends by itself, and heal takes it back")
    url, key = deployed(cut_off, "0.0.0.0")
    with Asking().of(url, key, TENANT, 120) as asking:
        asking.more()
        victim = cut_off.worker_of(REPLICA)
        raylet = next(node.process for node in cut_off.note.nodes if node.name == victim)
        nodes.cut(cut_off.home, victim)
        began = time.monotonic()
        asking.more()
        until(lambda: sum(count for node, count in cut_off.running(REPLICA).items() if node != victim) == 2)
        again = time.monotonic() - began
        asking.more()
        until(lambda: not cut_off.alive()[victim])  # Serve is sooner to notice than Ray
        assert raylet.alive  # nobody has told it yet
        nodes.cut(cut_off.home, victim, back=True)
        back = time.monotonic()
        until(lambda: not raylet.alive)
        ended = time.monotonic() - back
        assert cut_off.invplat("cluster", "heal")["healed"] == [victim]
        asking.more()
    assert asking.lost == []
    assert cut_off.alive() == {HEAD: True, "node-1": True, "node-2": True}
    measured = {"seconds to recover": again, "seconds until it ended, once back": ended}
    promise(CUT, measured=figures(asking, began) | measured)


def deployed(cluster: Three, host: str) -> tuple[str, str]:
    """Two replicas, on two nodes: where, and a key of the business."""
    key = cluster.invplat("tenant", "key", "create", TENANT)["secret"]
    with socket.create_server((note.HOST, 0)) as held:
        port = held.getsockname()[1]
    words = ("deploy", "--host", host, "--port", port, "--replicas", 2, "--address", "cluster")
    return str(cluster.invplat(*words)["url"]), str(key)


def address(cluster: Three, url: str, node: str) -> str:
    """By which the same is asked of that node, where it has an address of its own."""
    network = cluster.note.network
    return url if network is None else url.replace(network.host(0), network.host(number(node)))


def reached(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def figures(asking: Asking, began: float) -> dict[str, float]:
    """Of whoever asked while something happened."""
    return {"requests lost": len(asking.lost), "of": len(asking.answers), "longest answer, s": asking.longest(began)}
