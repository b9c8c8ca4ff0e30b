"""What every test may count on: settings of its own, the command line as a function, one Ray for all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees or touches the settings of the person who runs it."""
    for name in list(os.environ):
        if name.startswith("INVPLAT_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("INVPLAT_HOME", str(folder))
    return folder


@pytest.fixture
def invplat() -> Callable[..., Result]:
    """`invplat("config", "show", "--json")` as a person would type it: exit_code, stdout and stderr."""
    from invplat.cli.main import cli

    def run(*args: object, **options: object) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in args], **options)  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def ray() -> Iterator[str]:
    """One embedded Ray of two workers for the whole run, as starting it takes seconds; its address."""
    from invplat.session import connected

    with connected(workers=2):
        import ray

        yield ray.get_runtime_context().gcs_address
