from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invplat = Callable[..., Result]


def test_show_says_where_each_value_came_from(
    invplat: Invplat, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "invplat.toml").write_text('storage_url = "s3://bucket?secret=hidden"')
    result = invplat("--address", "host:6379", "config", "show", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "home": {"value": str(home), "from": "environment", "where": "INVPLAT_HOME"},
        "database_url": {"value": f"sqlite:///{home}/invplat.db", "from": "default", "where": None},
        "storage_url": {"value": "s3://bucket?secret=***", "from": "file", "where": str(tmp_path / "invplat.toml")},
        "address": {"value": "host:6379", "from": "flag", "where": "--address"},
    }


def test_show_draws_the_same_for_people(invplat: Invplat, home: Path) -> None:
    result = invplat("--database-url", "postgresql://user:hidden@host/base", "config", "show")
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line[:1].isalpha()}
    assert rows["home"] == [str(home), "environment", "INVPLAT_HOME"]
    assert rows["database_url"] == ["postgresql://user:***@host/base", "flag", "--database-url"]
    assert "hidden" not in result.output


def test_a_flag_means_the_same_before_and_after_the_command(invplat: Invplat) -> None:
    before = invplat("--json", "--address", "a:1", "config", "show")
    after = invplat("config", "show", "--address", "a:1", "--json")
    between = invplat("config", "--json", "show", "--address", "a:1")
    assert before.stdout == after.stdout == between.stdout
    assert json.loads(after.stdout)["address"]["value"] == "a:1"


def test_a_broken_file_is_one_message_and_exit_code_2(
    invplat: Invplat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "invplat.toml").write_text("adress = 'host:1'")
    result = invplat("config", "show")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'adress'" in result.stderr
    assert "did you mean address?" in result.stderr
    assert "Traceback" not in result.stderr
    assert invplat("config", "--help").exit_code == 0  # help needs no settings
