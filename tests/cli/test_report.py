"""`invplat report`: one page about a workload or about kept models, and the command that makes it again."""

from __future__ import annotations

import html
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

Invplat = Callable[..., Result]
QUICK = ("--models", "seasonal_naive,moving_average", "--origins", "1", "--epochs", "1", "--no-insights")


@pytest.fixture
def report(kept: Path, invplat: Invplat) -> Invplat:
    return lambda *words: invplat("report", *words, "--tenant", "shop", "--home", kept)


def test_a_kept_model_is_reported_with_its_pictures(report: Invplat, tmp_path: Path) -> None:
    page, folder = tmp_path / "report.html", tmp_path / "pictures"
    ended = report("mlp@1", *QUICK, "--out", page, "--png", folder)
    assert ended.exit_code == 0, ended.output
    text = page.read_text(encoding="utf-8")
    assert "mlp@1" in text
    pictures = sorted(path.name for path in folder.iterdir())
    assert {"accuracy.png", "by_step.png", "fans.png"} <= set(pictures)
    assert f"with {len(pictures)} pictures" in ended.stdout


def test_without_a_name_every_kept_model_is_reported(report: Invplat, tmp_path: Path) -> None:
    ended = report(*QUICK, "--out", tmp_path / "report.html", "--json")
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert told["workloads"] == ["mlp@1"]
    assert told["files"] == [str(tmp_path / "report.html")]
    assert any("RMSE" in finding for finding in told["findings"])


def test_the_page_names_the_command_that_makes_it_again(report: Invplat, kept: Path, tmp_path: Path) -> None:
    """Typed again, it makes the same page, but for the seconds that each model took."""
    page = tmp_path / "a page.html"
    assert report("mlp@1", *QUICK, "--out", page).exit_code == 0
    text = page.read_text(encoding="utf-8")
    told = re.search(r"Made again by <code>(.*?)</code>", text)
    assert told is not None
    words = shlex.split(html.unescape(told.group(1)))
    assert words[:4] == ["invplat", "report", "mlp@1", "--tenant"]
    page.unlink()
    from invplat.cli.main import cli

    assert CliRunner().invoke(cli, [*words[1:], "--home", str(kept)]).exit_code == 0
    seconds = re.compile(r'<td class="n">\d+\.\d</td></tr>')
    assert seconds.sub("", page.read_text(encoding="utf-8")) == seconds.sub("", text)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["mpl@1"], "no model 'mpl'", "did you mean mlp?"),
        (["nothing"], "no model 'nothing'", "there are mlp"),
        (["mlp@1", "--models", "arimaa"], "arimaa", "arima"),
        (["mlp@1", "--holding", "-1"], "holding", "above 0"),
    ],
)
def test_mistakes_are_told(report: Invplat, tmp_path: Path, words: list[str], message: str, hint: str) -> None:
    ended = report(*words, "--out", tmp_path / "report.html")
    assert ended.exit_code == 2, ended.output
    assert message in ended.stderr
    assert hint in ended.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_tenant_without_models_is_told_what_to_name(invplat: Invplat) -> None:
    ended = invplat("report", "--tenant", "nobody")
    assert ended.exit_code == 2
    assert "has no model to report on" in ended.stderr
    assert "mlp" in ended.stderr
