"""A Ray of several nodes on this machine: what is refused, what is cleared away, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invplat.cluster import nodes, note, processes
from invplat.cluster.note import Node, Note
from invplat.core.errors import Conflict, InvplatError, SettingRefused
from invplat.core.process import Process
from invplat.session import check_address
from tests.cli.clusters import LASTS, Begin, Run, made

ROOT = Path(__file__).parents[2]
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); {LASTS}"


def test_nothing_is_up(invplat: Run, home: Path) -> None:
    ended = invplat("cluster", "down")
    assert (ended.exit_code, ended.stdout) == (0, f"no cluster of {home} is up\n")
    assert json.loads(invplat("cluster", "down", "--json").stdout)["stopped"] is False
    ended = invplat("cluster", "status", "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["state"]) == (1, "down")
    ended = invplat("cluster", "kill", "node-1")
    assert ended.exit_code == 2
    assert "no cluster" in ended.stderr
    ended = invplat("undeploy", "--address", "cluster")
    assert ended.exit_code == 2
    assert "invplat cluster up" in ended.stderr


def test_cluster_is_an_address(invplat: Run, home: Path) -> None:
    found = made(home, Node("head", Process.this()))
    try:
        shown = json.loads(invplat("config", "show", "--address", "cluster", "--json").stdout)
        assert shown["address"]["value"] == found.address
        shown = json.loads(invplat("config", "show", "--address", "10.0.0.5:6379", "--json").stdout)
        assert shown["address"]["value"] == "10.0.0.5:6379"
    finally:
        note.forget(found)


def test_a_secret_is_nobody_else_s(home: Path) -> None:
    found = made(home)
    token = found.token.read_text()
    assert len(token) == 64
    assert stat.S_IMODE(found.token.stat().st_mode) == 0o600
    assert stat.S_IMODE(found.folder.stat().st_mode) == 0o700
    assert token not in (home / note.FILE).read_text() + (home / note.SHELL).read_text()
    note.forget(found)
    assert not found.folder.exists()
    assert list(home.iterdir()) == []


def test_whoever_names_its_address_is_let_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(home, Node("head", Process.this()))
    for name in found.environment():
        monkeypatch.setenv(name, "")  # so that it is as before when this test is over
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of another cluster")
    monkeypatch.setattr("invplat.session.sys.modules", {})  # not the Ray of this test run
    with pytest.raises(SettingRefused):  # nobody listens there
        check_address(found.address)
    assert {name: os.environ[name] for name in found.environment()} == found.environment()
    assert "RAY_AUTH_TOKEN" not in os.environ
    assert note.join(found.address) == {}
    found.folder.chmod(0o777)  # anybody could have made it
    assert note.at(found.address) is None
    note.forget(found)
    assert note.at(found.address) is None


def test_marked_processes_end_and_no_others(begin: Begin) -> None:
    stubborn = begin(STUBBORN, "head", stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    others = [begin(LASTS, "head", start_new_session=True), begin(LASTS, "node-1")]
    stranger = begin(LASTS)
    waited(lambda: set(processes.marked("c1").values()) == {"head", "node-1"} and len(processes.marked("c1")) == 3)
    assert processes.marked("c") == {}
    assert processes.end("c1", "node-1", grace=0) == 1
    assert set(processes.marked("c1").values()) == {"head"}
    assert processes.end("c1", grace=0.3) == 2
    assert [process.wait() for process in (stubborn, *others)] == [-signal.SIGKILL, -signal.SIGTERM, -signal.SIGKILL]
    assert stranger.poll() is None
    assert processes.end("c1") == 0


def test_a_cluster_that_is_up_stays(home: Path, begin: Begin) -> None:
    head, dead = begin(LASTS, "head"), begin("")
    dead.wait()
    found = made(home, Node("head", Process.of(head.pid)), Node("node-1", Process.of(dead.pid)))
    with pytest.raises(Conflict, match=r"2 nodes is up at 127\.0\.0\.1:\d+, though node-1 is dead"):
        nodes.up(home, 1, 1, dashboard=False, told=print)
    assert note.find(home) == found
    assert nodes.down(home) == 1
    assert note.find(home) is None


def test_of_another_machine(home: Path) -> None:
    found = made(home, starter=Process("elsewhere", 1, "", ""))
    for act in (lambda: nodes.up(home, 1, 1, dashboard=False, told=print), lambda: nodes.down(home)):
        with pytest.raises(Conflict, match="is on elsewhere"):
            act()
    assert note.find(home) == found
    note.forget(found)


def test_a_failure_in_the_middle_takes_down_what_was_up(
    home: Path, monkeypatch: pytest.MonkeyPatch, begin: Begin
) -> None:
    """The head comes up and goes on, the second node does not; and before, what a dead cluster left is cleared away."""
    left = begin(LASTS, "node-1")
    waited(lambda: set(processes.marked("c1").values()) == {"node-1"})  # it bears its mark once it is itself
    earlier = made(home, Node("head", Process("", 0, "", "")), cluster="c1")
    lasting: list[subprocess.Popen[bytes]] = []

    def start(found: Note, name: str, memory: int, words: object, given: object) -> subprocess.Popen[bytes]:
        if name == "head":
            marked = {**os.environ, **processes.mark(found.id, name)}
            lasting.append(subprocess.Popen([sys.executable, "-c", LASTS], env=marked))
            return begin("")
        (found.folder / f"{name}.log").write_text("no room\n")
        return begin("raise SystemExit(3)")

    monkeypatch.setattr(nodes, "_start", start)
    said: list[str] = []
    with pytest.raises(InvplatError, match="node-1 did not start: no room"):
        nodes.up(home, 2, 1, dashboard=False, told=said.append)
    assert said == ["what was left of an earlier cluster is cleared away", "head is up"]
    assert left.wait(60) == -signal.SIGTERM
    assert lasting[0].wait(60) == -signal.SIGKILL
    assert note.find(home) is None
    assert not earlier.folder.exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.long
def test_up_and_down(home: Path) -> None:
    invplat(home, "cluster", "up", "--nodes", 2, "--cpus", 2)
    found = note.find(home)
    assert found is not None
    try:
        assert outside(found.id) == set()
        token = found.token.read_text().encode()
        for pid in processes.marked(found.id):
            for part in ("cmdline", "environ"):
                assert token not in Path(f"/proc/{pid}/{part}").read_bytes()
        refused = stranger(found.address)
        again = invplat(home, "cluster", "up", code=2)
        assert found.address in again["error"]

        status = invplat(home, "cluster", "status")
        assert status["state"] == "up"
        assert [(node["node"], node["alive"], node["cpus_used"]) for node in status["nodes"]] == [
            ("head", True, 0),
            ("node-1", True, 0),
        ]
        assert status["resources"]["CPU"] == {"total": 4, "used": 0}
        assert all(node["memory"] > 1 << 20 for node in status["nodes"])

        invplat(home, "cluster", "kill", "node-1")
        status = invplat(home, "cluster", "status")
        assert status["state"] == "degraded"
        assert [node["alive"] for node in status["nodes"]] == [True, False]
        assert "dead already" in invplat(home, "cluster", "kill", "node-1", code=2)["error"]
        said, _ = refused.communicate(timeout=120)
        assert "refused" in said

        for pid in processes.marked(found.id):  # as when the machine is switched off
            os.kill(pid, signal.SIGKILL)
        waited(lambda: not processes.marked(found.id))
        assert invplat(home, "cluster", "status", code=1)["state"] == "dead"
        invplat(home, "cluster", "up", "--nodes", 1)
        assert not found.folder.exists()
    finally:
        last = note.find(home)
        assert invplat(home, "cluster", "down")["stopped"]
    assert last is not None
    assert last.id != found.id
    assert processes.marked(last.id) == {}
    assert not last.folder.exists()
    assert [path.name for path in home.iterdir()] == [f".{note.FILE}.lock"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_example(tmp_path: Path) -> None:
    """The journey on three nodes, as it is written down; and no process stays."""
    shims = {"invplat": '-m invplat "$@"', "python": '"$@"'}
    for name, words in shims.items():
        (tmp_path / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}\n')
        (tmp_path / name).chmod(0o700)
    with socket.create_server((note.HOST, 0)) as held:
        port = held.getsockname()[1]
    home = tmp_path / "kept"
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PORT": str(port)}
    with subprocess.Popen(
        ["bash", ROOT / "examples" / "cluster" / "run.sh", home],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said, cluster = "", ""
        for line in process.stdout:
            said += line
            found = note.find(home)
            cluster = found.id if found is not None else cluster
    assert process.returncode == 0, said
    assert cluster
    assert processes.marked(cluster) == {}
    for words in ("3 nodes are up", "4 of 4", "night-shop   done", "served: invplat, RUNNING", "it is down"):
        assert words in said, said
    with socket.socket() as asked:
        assert asked.connect_ex((note.HOST, port)) != 0


def invplat(home: Path, *words: object, code: int = 0) -> dict[str, Any]:
    """In a process of its own: a test run has a Ray already."""
    asked = [sys.executable, "-m", "invplat", *map(str, words), "--home", str(home), "--json"]
    ended = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert ended.returncode == code, f"{ended.stdout}\n{ended.stderr}"
    found: dict[str, Any] = json.loads(ended.stdout or ended.stderr.splitlines()[-1])
    return found


def stranger(address: str) -> subprocess.Popen[str]:
    """Somebody on this machine without the token."""
    program = (
        "import ray, sys\n"
        "try:\n    ray.init(address=sys.argv[1])\n"
        "except Exception as error:\n    print('refused', error)\n"
        "else:\n    print('let in')\n"
    )
    environment = {**os.environ, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "disabled"}
    return subprocess.Popen(
        [sys.executable, "-c", program, address],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def outside(cluster: str) -> set[str]:
    """Addresses beyond this machine's own on which a process of the cluster listens."""
    ours = {
        os.readlink(entry)
        for pid in processes.marked(cluster)
        for entry in Path(f"/proc/{pid}/fd").iterdir()
        if entry.is_symlink()
    }
    found, own = set(), ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            place, state, inode = fields[1].split(":")[0], fields[3], fields[9]
            if state == "0A" and f"socket:[{inode}]" in ours and place not in own:
                found.add(fields[1])
    return found


def waited(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.02)
