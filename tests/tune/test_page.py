"""The page of a study and its folder: well-formed, saying what it shows, of few trials and of many, whole or not."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from invplat.core.errors import Conflict
from invplat.core.space import Choice, Space, Uniform
from invplat.tune import boards
from invplat.tune.charts import NAMES, charts
from invplat.tune.page import render, write_page
from invplat.tune.study import Study, figure_text, param_text
from invplat.tune.trial import State
from invplat.tune.verdict import train_command
from invplat.tune.written import write_study
from tests.tune.made import MIXED, SPACE, made_plan, made_study

EVIL = "<script>alert(1)</script>"


class Checked(HTMLParser):
    """Every tag closed in its place, every picture named for who can't see it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        assert tag != "svg" or dict(attrs).get("aria-label")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def said(self) -> str:
        return "".join(self.text)


@pytest.fixture(scope="module")
def study() -> Study:
    return made_study(64, metrics=("pinball", "size"))


@pytest.fixture(scope="module")
def text(study: Study) -> str:
    return render(study)


def test_the_first_screen_is_the_answer(text: str, study: Study) -> None:
    first = Checked(text).said.split("Leaderboard")[0]
    best = study.best
    assert best is not None
    for part in (figure_text(study.value(best)), "The default params have", train_command(study), "trials a minute"):
        assert part in first
    for name, value in best.params.items():
        assert name in first
        assert param_text(value) in first
    assert first.index("The best of 64 trials") < first.index("best so far")


def test_every_picture_is_there_and_says_how_to_read_it(text: str, study: Study) -> None:
    page, drawn = Checked(text), charts(study)
    assert [chart.name for chart in drawn] == list(NAMES)
    assert page.seen.count("svg") == len(drawn)
    for chart in drawn:
        assert chart.title in page.said
        assert chart.note in page.said
        assert len(chart.title) < 110
        assert len(chart.note.split()) > 12


def test_trials_that_diverged_are_told(text: str, study: Study) -> None:
    said = Checked(text).said
    assert f"{len(study.unranked)} trials of 64 came to no value" in said
    assert study.unranked[0].why in said
    assert "2 trials diverged" in said


def test_limits_are_said(text: str) -> None:
    said = Checked(text).said
    for part in ("in part luck", "the test part was not read", "stopped early is judged by", "alpha (32 trials)"):
        assert part in said


def test_nothing_is_fetched_and_nothing_is_unsaid(text: str) -> None:
    assert not re.search(r"https?:|//[a-z]|@import|javascript:", text, re.IGNORECASE)
    assert not re.search(r"\bNone\b|\b-?nan\b|\binf\b", Checked(text).said)


def test_what_a_plug_in_names_stays_text() -> None:
    space = Space({**SPACE.dimensions, EVIL: Choice((EVIL, "$x_1$"), default=EVIL)})
    study = made_study(30, space=space)
    lost = replace(study.finished[3], state=State.FAILED, why=EVIL, values={"pinball": None}, validation=())
    page = Checked(render(Study.of(study.plan, [lost, *(one for one in study.finished if one.number != 3)])))
    assert "script" not in page.seen
    assert EVIL in page.said


@pytest.mark.parametrize("trials", [0, 1, 5])
def test_few_trials_make_a_page_too(trials: int) -> None:
    said = Checked(render(made_study(trials, asked=64))).said
    assert f"{trials} of 64 trials" in said or "64 trials" in said
    assert "--resume autumn" in said
    assert trials == 0 or "by chance" in said


def test_a_thousand_trials_and_params_of_every_kind() -> None:
    study = made_study(1000, space=MIXED, width=32)
    text = render(study)
    page = Checked(text)
    assert page.seen.count("svg") == len(NAMES) - 1  # one metric has no front
    assert "The 15 best of" in page.said
    assert len(text) < 4_000_000
    for option in ("gelu", "true", "layers"):
        assert option in text


@pytest.mark.parametrize("lost", [State.DIVERGED, State.FAILED])
def test_a_study_of_which_nothing_came(lost: State) -> None:
    made = made_study(12)
    gone = [replace(trial, state=lost, values={"pinball": None}, loss=None, validation=()) for trial in made.finished]
    said = Checked(render(Study.of(made.plan, gone))).said
    assert "None of 12 trials came to a value" in said
    assert "invplat train" not in said


def test_the_values_of_a_grid_are_told_where_a_grid_was_searched() -> None:
    space = Space(
        {"hidden": Choice((32, 64), default=32, grid=(32, 48)), "rate": Uniform(0.0, 0.5, default=0.1, grid=(0.1,))}
    )
    row = re.compile(r"<code>hidden</code></td>.*?</tr>")
    for search, said, unsaid in (("bayes", "32, 64", "48"), ("grid", "32, 48", "64")):
        plan = replace(made_plan(4, space=space), search=search)
        trials = [replace(one, params={"hidden": 32, "rate": 0.1}) for one in made_study(4).finished]
        (found,) = row.findall(render(Study.of(plan, trials)))
        assert said in found
        assert unsaid not in found


def test_one_wild_value_does_not_flatten_the_rest() -> None:
    made = made_study(40)
    wild = replace(made.finished[5], values={"pinball": 1e9})
    study = Study.of(made.plan, [wild, *(one for one in made.finished if one.number != 5)])
    history = next(chart for chart in charts(study) if chart.name == "history")
    assert history.figure.axes[0].get_ylim()[1] < 3
    assert "worse than shown" in [text.get_text() for text in history.figure.legends[0].get_texts()]


def test_only_states_that_are_seen_are_in_the_legend() -> None:
    history = charts(made_study(5))[0]
    words = [text.get_text() for text in history.figure.legends[0].get_texts()]
    assert "done" in words
    assert not {"diverged", "failed", "worse than shown"} & set(words)


def test_the_folder_holds_everything(tmp_path: Path) -> None:
    study = made_study(26, metrics=("pinball", "size"))
    folder = tmp_path / "deep" / "report"
    written = write_study(study, folder)
    assert {path.name for path in folder.iterdir()} == {path.name for path in written}
    assert {path.name for path in written} == {
        "report.html",
        "leaderboard.json",
        "trials.parquet",
        "tensorboard",
        *(f"{name}.png" for name in NAMES),
    }
    assert written[0] == folder / "report.html"
    assert pq.read_table(folder / "trials.parquet").num_rows == 26
    board = json.loads((folder / "leaderboard.json").read_text())
    assert board["best"]["trial"] == (study.best.number if study.best else None)
    assert len(list((folder / "tensorboard").iterdir())) == 26
    assert [path for path in folder.parent.iterdir() if path != folder] == []


def test_an_earlier_report_is_replaced_whole_and_a_failed_one_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "report"
    write_study(made_study(24), folder)
    assert (folder / "importance.png").exists()
    write_study(made_study(2), folder)
    assert not (folder / "importance.png").exists()  # of the earlier study, which had enough trials
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def fails(*_: Any) -> None:
        raise RuntimeError("half-way")

    monkeypatch.setattr(boards, "write_events", fails)
    with pytest.raises(RuntimeError, match="half-way"):
        write_study(made_study(8), folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(Conflict, match=r"thesis\.tex"):
        write_study(made_study(3), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(Conflict, match="is a file"):
        write_study(made_study(3), tmp_path / "thesis.tex")


def test_a_page_by_itself(tmp_path: Path) -> None:
    path = write_page(Study.of(made_plan(), []), tmp_path / "page.html")
    assert "No trial has ended yet" in path.read_text()
