"""Nodes that are cut off and healed: where that is refused, and a network whose parts are cut and come back."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from invplat.cluster import kept, network, nodes
from invplat.cluster.note import Node
from invplat.core.errors import InvplatError
from invplat.core.process import Process
from tests.cli.clusters import LASTS, Begin, Run, made


def test_what_can_t_be_healed_or_cut(invplat: Run, home: Path, begin: Begin) -> None:
    alive, dead = begin(LASTS, "node-1"), begin("")
    dead.wait()
    assert "no cluster" in invplat("cluster", "heal").stderr
    made(home, Node("head", Process.of(dead.pid)), Node("node-1", Process.of(alive.pid)))
    ended = invplat("cluster", "heal")
    assert (ended.exit_code, "nothing has kept what it knew" in ended.stderr) == (2, True)
    assert "--redis" in ended.stderr
    kept.Kept("127.0.0.1", 1, "secret").write(home)
    assert "no Redis answers at 127.0.0.1:1" in invplat("cluster", "heal").stderr
    ended = invplat("cluster", "cut", "node-1")
    assert (ended.exit_code, "--namespaces" in ended.stderr) == (2, True)
    assert "there is no node 'node-7'" in invplat("cluster", "cut", "node-7").stderr
    assert nodes.down(home) == 1


def test_a_network_of_its_own_is_cut_and_gone() -> None:
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("only root can have network namespaces, by the program ip")
    found = network.free(65000)
    try:
        found.make(3)
    except InvplatError as error:
        found.remove()
        pytest.skip(f"no network namespaces here: {error.message}")
    try:
        assert network.free(65000).prefix != found.prefix  # it is taken now
        found.make(3)  # as after a kill: what was left is nobody's
        listens = "import socket; held = socket.create_server(('0.0.0.0', 7000)); print(flush=True); held.accept()"
        with subprocess.Popen(
            [*found.inside(1), sys.executable, "-c", listens], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                found.cut(1)
                with pytest.raises(OSError, match=r"timed out|No route"):
                    socket.create_connection((found.host(1), 7000), timeout=0.5)
                found.back(1)
                socket.create_connection((found.host(1), 7000), timeout=20).close()
            finally:
                process.kill()
    finally:
        found.remove()
    for words in (["netns", "list"], ["link", "show"]):
        assert found.name not in subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout
