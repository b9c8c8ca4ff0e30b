from __future__ import annotations

import json
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from invplat.core.errors import NameRefused, SettingRefused
from invplat.session import check_address, connected, run_tasks


def run(script: str, *args: str) -> dict[str, object]:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *args], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, object] = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_in_process_is_a_plain_loop_that_starts_nothing() -> None:
    seen: list[int] = []
    steps: list[tuple[int, int]] = []

    def double(item: int) -> int:
        seen.append(item)
        return item * 2

    results = run_tasks(double, [1, 2, 3], progress=lambda *step: steps.append(step))
    assert seen == []
    assert next(results) == 2
    assert seen == [1]  # one at a time, only when asked: memory stays flat
    assert list(results) == [4, 6]
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_fewer_than_no_workers_is_refused() -> None:
    with pytest.raises(SettingRefused, match="-1 workers"):
        run_tasks(str, [1], workers=-1)


def test_workers_give_what_one_process_gives_in_the_same_order(ray: str) -> None:
    def slow_first(item: int) -> int:
        time.sleep(0.3 if item == 0 else 0)
        return item * item

    steps: list[tuple[int, int]] = []
    found = list(run_tasks(slow_first, range(20), workers=2, progress=lambda *step: steps.append(step)))
    assert found == list(run_tasks(slow_first, range(20)))
    assert steps == [(n, 20) for n in range(1, 21)]


def test_no_more_than_the_asked_for_run_at_once(ray: str) -> None:
    def span(item: int) -> tuple[float, float]:
        start = time.time()
        time.sleep(0.05)
        return start, time.time()

    spans = list(run_tasks(span, range(6), workers=1))
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_comes_out_as_it_was_raised(workers: int, ray: str) -> None:
    def refuse(item: int) -> int:
        if item == 2:
            raise NameRefused("no such name", hint="another")
        return item

    results = run_tasks(refuse, range(50), workers=workers)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(NameRefused) as raised:
        next(results)
    assert type(raised.value) is NameRefused
    assert (raised.value.message, raised.value.hint) == ("no such name", "another")


def test_a_ray_that_was_there_before_is_used_and_left_alone(ray: str) -> None:
    import ray as library

    results: Iterator[str] = run_tasks(str, range(10), workers=2)
    assert next(results) == "0"
    results.close()  # type: ignore[attr-defined]
    assert library.is_initialized()


def test_a_ray_of_our_own_is_stopped_and_its_workers_have_one_thread() -> None:
    found = run(
        """
        import json, os
        import invplat.session as s
        def main():
            look = lambda item: (item, os.environ["POLARS_MAX_THREADS"], os.environ["OMP_NUM_THREADS"], os.getpid())
            rows = list(s.run_tasks(look, range(4), workers=2))
            import ray
            print(json.dumps({"rows": [row[:3] for row in rows], "here": os.getpid() in [row[3] for row in rows],
                              "left": ray.is_initialized()}))
        main()
        """
    )
    assert found == {"rows": [[n, "1", "1"] for n in range(4)], "here": False, "left": False}


def test_an_address_gets_our_code_with_the_work(ray: str) -> None:
    found = run(
        """
        import json, sys
        import invplat.session as s
        def main():
            def where(item):
                import invplat
                return item, invplat.__file__
            rows = list(s.run_tasks(where, range(3), address=sys.argv[1]))
            shipped = all("py_modules" in row[1] for row in rows)
            print(json.dumps({"items": [row[0] for row in rows], "shipped": shipped}))
        main()
        """,
        ray,
    )
    assert found == {"items": [0, 1, 2], "shipped": True}


def test_one_process_does_not_talk_to_two_rays(ray: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(SettingRefused, match="already works on"):
            list(run_tasks(str, [1], address=address))


@pytest.mark.parametrize("address", ["nowhere", "host:", ":1", "host:port", "ray://host", "host:99999"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SettingRefused, match="no address"):
        check_address(address)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "no-such-host.invalid:6379"])
def test_an_address_where_nothing_answers_is_refused(address: str) -> None:
    with pytest.raises(SettingRefused, match="nothing answers") as refused:
        check_address(address)
    assert "--address" in (refused.value.hint or "")


def test_what_listens_and_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invplat.session.ANSWER_WITHIN", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(SettingRefused, match="nothing answers"):
        check_address(f"127.0.0.1:{mute.getsockname()[1]}")


def test_a_cluster_of_another_ray_is_told_with_both_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray as module
    from ray._private.utils import check_version_info

    def init(**_: object) -> None:
        check_version_info({"ray_version": "2.50.0", "python_version": "3.9.1"}, "here")

    monkeypatch.setattr(module, "is_initialized", lambda: False)
    monkeypatch.setattr(module, "init", init)
    monkeypatch.setattr("invplat.session.check_address", lambda address: None)
    words = f"Ray: 2.50.0 .* Ray: {module.__version__}"
    with pytest.raises(SettingRefused, match=words) as refused, connected(address="127.0.0.1:6379"):
        pass
    assert "the same Ray as here" in str(refused.value.hint)


def test_what_is_no_ray_is_told_so(s3_endpoint: str) -> None:
    with pytest.raises(SettingRefused, match="is no Ray"):
        check_address(s3_endpoint.removeprefix("http://").replace("0.0.0.0", "127.0.0.1"))


def test_a_ray_is_known_by_its_address(ray: str) -> None:
    check_address(ray)
