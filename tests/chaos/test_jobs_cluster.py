"""A job as a Ray Job on a cluster of its own, which asks for a token: submitted, watched, read, and found out when
it is gone."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.tuning import below, command, run, there, until
from tests.transfer.firms import NAMES, firms_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PORTS = ("--port", "--dashboard-port", "--dashboard-agent-listen-port", "--dashboard-agent-grpc-port")


def ports(count: int) -> list[int]:
    with ExitStack() as held:
        found = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in found]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of its head; only this test's own processes are ended."""
    chosen = ports(len(PORTS))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # not below pytest's: sockets bear no long names
    words = [word for name, port in zip(PORTS, chosen, strict=True) for word in (name, str(port))]
    fixed = ["--num-cpus=2", "--object-store-memory=150000000", "--include-dashboard=true", f"--temp-dir={folder}"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"RAY_USAGE_STATS_ENABLED": "0"}
    ray = Path(sys.executable).parent / "ray"
    with subprocess.Popen(
        [str(ray), "start", "--head", "--block", *fixed, *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield f"127.0.0.1:{chosen[0]}"
        finally:
            ours = [*below(process.pid)]
            process.terminate()
            process.wait(timeout=60)
            for child in ours:
                if there(child):
                    os.kill(child, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


def test_a_ray_job(home: Path, tmp_path_factory: pytest.TempPathFactory, cluster: str) -> None:
    firms_in(home, tmp_path_factory)

    def invplat(*words: object, code: int = 0) -> dict[str, Any]:
        ended = run(command(*words, "--home", home, "--json"))
        assert ended.returncode == code, f"{ended.stdout}\n{ended.stderr}"
        found: dict[str, Any] = json.loads(ended.stdout if not code else ended.stderr.splitlines()[-1])
        return found

    until(lambda: _answers(cluster))
    asked = ("finetune", "submit", *NAMES[:2], "--way", "head", "--epochs", 1, "--address", cluster)
    token = os.environ.pop("RAY_AUTH_TOKEN")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    assert "asks for a token" in invplat(*asked, code=2)["error"]
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token)
    job = invplat(*asked)["job"]  # its agent may have to be waited for
    assert invplat(*asked)["job"] == job
    found = invplat("jobs", "status", job, "--wait")
    assert (found["state"], found["done"], found["where"]) == ("done", 2, cluster)
    assert found["ray_job"].startswith(f"invplat-{job}")
    log = "\n".join(invplat("jobs", "logs", job)["log"])
    assert f"job {job}: 2 to adapt from mlp@1" in log
    assert token not in log
    # One whose process is ended there is found out here.
    other = invplat("finetune", "submit", "--all", "--way", "all", "--epochs", 400, "--address", cluster)["job"]
    until(lambda: invplat("jobs", "status", other)["state"] == "running")
    os.kill(int(invplat("jobs", "status", other)["process"]), signal.SIGKILL)
    until(lambda: invplat("jobs", "status", other)["state"] == "lost")


def _answers(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False
