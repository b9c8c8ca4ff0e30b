from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import click
import pytest
from click.testing import Result

from invplat import __version__
from invplat.cli import main, progress
from invplat.cli.output import Output, common, pass_output
from invplat.core.errors import SourceError, StorageFull

Invplat = Callable[..., Result]
Add = Callable[[Callable[[Output], None]], None]


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Add:
    """Make `invplat probe` do what a test wants."""

    def register(body: Callable[[Output], None]) -> None:
        command = click.command("probe")(common(pass_output(body)))
        monkeypatch.setitem(sys.modules, "probe_for_test", SimpleNamespace(command=command))
        monkeypatch.setitem(main.COMMANDS, "probe", ("probe_for_test:command", "Only a test's."))

    return register


def raising(error: BaseException) -> Callable[[Output], None]:
    def body(output: Output) -> None:
        raise error

    return body


def test_version_and_help(invplat: Invplat) -> None:
    assert invplat("--version").stdout == f"invplat {__version__}\n"
    assert invplat("--help").stdout == invplat("-h").stdout
    for name, (_, line) in main.COMMANDS.items():
        assert f"  {name} " in invplat("-h").stdout
        assert line in invplat("-h").stdout


def test_no_command_shows_help_and_is_a_mistake(invplat: Invplat) -> None:
    result = invplat()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: invplat")


@pytest.mark.parametrize(
    ("args", "near"),
    [
        (("confg", "show"), "'config'"),
        (("config", "shwo"), "'show'"),
        (("--hme", "x", "config", "show"), "'--home'"),
        (("config", "show", "--quite"), "'--quiet'"),
    ],
)
def test_a_slip_of_the_pen_gets_the_nearest_name(args: tuple[str, ...], near: str, invplat: Invplat) -> None:
    result = invplat(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Did you mean" in result.stderr
    assert near in result.stderr
    assert "--help" in result.stderr


def test_a_slip_is_json_where_json_was_asked_for(invplat: Invplat) -> None:
    for args in (("config", "show", "--quite", "--json"), ("--json", "confg")):
        result = invplat(*args)
        assert (result.exit_code, result.stdout) == (2, "")
        assert set(json.loads(result.stderr)) == {"error", "hint"}


@pytest.mark.parametrize(("error", "code"), [(SourceError, 2), (StorageFull, 1)])
def test_an_error_of_ours_is_its_message_hint_and_code(
    error: type[SourceError | StorageFull], code: int, add: Add, invplat: Invplat
) -> None:
    add(raising(error("no s3://u:word@bucket", hint="write another")))
    result = invplat("probe")
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr == "error: no s3://u:***@bucket\n  write another\n"
    result = invplat("probe", "--json")
    assert (result.exit_code, result.stdout) == (code, "")
    assert json.loads(result.stderr) == {"error": "no s3://u:***@bucket", "hint": "write another"}
    result = invplat("probe", "-v")
    assert "Traceback" in result.stderr
    assert "word" not in result.stderr


def test_a_mistake_of_ours_is_one_line_and_no_traceback_unless_asked(add: Add, invplat: Invplat) -> None:
    add(raising(KeyError("column")))
    result = invplat("probe")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "this is a mistake of ours: KeyError: 'column'" in result.stderr
    assert "-v" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in invplat("-v", "probe").stderr


def test_what_the_machine_refuses_is_not_a_mistake_of_ours(add: Add, invplat: Invplat) -> None:
    add(raising(PermissionError(13, "Permission denied", "folder/file")))
    result = invplat("probe")
    assert (result.exit_code, result.stderr) == (1, "error: folder/file: Permission denied\n")


def test_an_interrupt_is_one_line(add: Add, invplat: Invplat) -> None:
    add(raising(KeyboardInterrupt()))
    result = invplat("probe")
    assert (result.exit_code, result.stderr.strip()) == (130, "interrupted")


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "invplat", "config", "show"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_a_result_is_json_that_any_machine_reads(add: Add, invplat: Invplat) -> None:
    content = {"start": date(2024, 1, 2), "file": Path("a"), "mean": float("nan"), "names": ("é", "b"), "n": 1}
    add(lambda output: output.result(content, table=lambda: output.table([], [])))
    assert json.loads(invplat("probe", "--json").stdout) == {
        "start": "2024-01-02",
        "file": "a",
        "mean": None,
        "names": ["é", "b"],
        "n": 1,
    }


def test_a_result_without_a_table_is_a_line_a_name(add: Add, invplat: Invplat) -> None:
    add(lambda output: output.result({"rows_in": 12345, "share": 0.25, "end": None}))
    assert invplat("probe").stdout == "rows in  12,345\nshare    0.25\nend      –\n"


def test_a_piped_table_is_whole_and_takes_no_name_for_markup(add: Add, invplat: Invplat) -> None:
    long = "x" * 500
    add(lambda output: output.table([("[red]", 1), (long, 22)], ("sku", "sold")))
    lines = invplat("probe").stdout.splitlines()
    assert lines[2].split() == ["[red]", "1"]
    assert lines[3].split() == [long, "22"]
    assert invplat("probe", "--json").stdout == ""


def test_progress_and_notes_go_to_stderr_and_can_be_silenced(
    add: Add, invplat: Invplat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SOON", 0.0)

    def body(output: Output) -> None:
        output.note("a remark")
        with output.progress(4, "reading") as step:
            step.at(2)
            step.advance()
            step.at(4, 4)
        output.result({"n": 4})

    add(body)
    result = invplat("probe")
    assert "a remark" in result.stderr
    assert "reading 100 %" in result.stderr
    assert result.stdout == "n  4\n"
    assert invplat("probe", "--quiet").stderr == ""
    assert invplat("--json", "probe").stderr == ""


def test_what_is_soon_over_says_nothing(add: Add, invplat: Invplat) -> None:
    def body(output: Output) -> None:
        with output.progress(4, "reading") as step:
            step.at(4)

    add(body)
    assert invplat("probe").stderr == ""


def test_progress_claims_no_end_when_the_work_broke(
    add: Add, invplat: Invplat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SOON", 0.0)

    def body(output: Output) -> None:
        with output.progress(4, "reading"):
            raise SourceError("broken")

    add(body)
    assert "100 %" not in invplat("probe").stderr


def test_a_bar_is_drawn_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Output().progress(10, "reading [x]") as step:
        step.advance(5)
        step.at(10, 10)
    assert "reading [x]" in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupt_stops_the_workers_too(tmp_path: Path) -> None:
    script = """
        import signal, sys, time
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        from types import SimpleNamespace
        import click
        from invplat.cli import main
        from invplat.cli.output import common, pass_output
        from invplat.session import run_tasks

        @click.command("probe")
        @common
        @pass_output
        def probe(output):
            def wait(item):
                (item[1] / str(item[0])).touch()
                time.sleep(item[0] * 600)
            for _ in run_tasks(wait, [(n, __import__("pathlib").Path(sys.argv[-1])) for n in (0, 1, 2)], workers=2):
                import ray
                print(ray._private.worker._global_node.address_info["raylet_socket_name"], flush=True)

        sys.modules["probe"] = SimpleNamespace(command=probe)
        main.COMMANDS["probe"] = ("probe:command", "Only a test's.")
        main.cli.main(["probe"])
    """
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    raylet = process.stdout.readline().strip()  # the first task is done and the next one is asleep
    assert raylet
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said.strip()) == (130, "interrupted")
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert raylet not in listed
