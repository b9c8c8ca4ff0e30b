"""What boards are given: event files that hold every loss, and MLflow where it is asked for and there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from invplat.tune import boards
from invplat.tune.boards import track, write_events
from invplat.tune.study import Study
from invplat.tune.trial import State
from tests.tune.made import made_study


def events(path: Path) -> Iterator[Any]:
    """As TensorBoard reads them: a length, its check sum, the record, its check sum."""
    from tensorboardX.crc32c import crc32c
    from tensorboardX.proto.event_pb2 import Event

    data, at = path.read_bytes(), 0
    while at < len(data):
        (length,), (of_length,) = (struct.unpack_from(kind, data, at + skip) for kind, skip in (("<Q", 0), ("<I", 8)))
        record = data[at + 12 : at + 12 + length]
        assert of_length == masked(crc32c(data[at : at + 8]))
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(crc32c(record))
        yield Event.FromString(record)
        at += 16 + length


def masked(check: int) -> int:
    return ((check >> 15 | check << 17) + 0xA282EAD8) & 0xFFFFFFFF


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    (path,) = folder.iterdir()
    found: dict[str, list[tuple[int, float]]] = {}
    for event in events(path):
        for value in event.summary.value:
            if not value.HasField("metadata"):
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_every_loss_and_figure_is_in_the_trial_s_own_run(tmp_path: Path) -> None:
    study = made_study(10, metrics=("pinball", "size"))
    write_events(study, tmp_path)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [f"trial_{number:04d}" for number in range(10)]
    trial = study.finished[4]
    found = scalars(tmp_path / "trial_0004")
    assert set(found) == {"loss/train", "loss/validation", "metric/pinball", "metric/size"}
    assert [step for step, _ in found["loss/validation"]] == list(range(1, len(trial.validation) + 1))
    assert [value for _, value in found["loss/validation"]] == pytest.approx(list(trial.validation))
    assert found["metric/pinball"] == [(trial.best, pytest.approx(trial.values["pinball"]))]


def test_params_are_there_for_the_table_of_hyperparameters(tmp_path: Path) -> None:
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    study = made_study(2)
    write_events(study, tmp_path)
    (path,) = (tmp_path / "trial_0001").iterdir()
    told = [value for event in events(path) for value in event.summary.value if value.HasField("metadata")]
    start = next(value for value in told if value.tag == "_hparams_/session_start_info")
    assert start.metadata.plugin_data.plugin_name == "hparams"
    params = HParamsPluginData.FromString(start.metadata.plugin_data.content).session_start_info.hparams
    rate = study.finished[1].params["learning_rate"]
    assert params["learning_rate"].number_value == pytest.approx(rate)


def test_a_loss_that_ran_away_is_left_out(tmp_path: Path) -> None:
    made = made_study(1)
    lost = replace(made.finished[0], state=State.DIVERGED, values={"pinball": None}, validation=(2.0, inf))
    write_events(Study.of(made.plan, [lost]), tmp_path)
    found = scalars(tmp_path / "trial_0000")
    assert found["loss/validation"] == [(1, 2.0)]
    assert "metric/pinball" not in found


def test_without_an_address_nothing_is_tracked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(boards.URI, raising=False)
    monkeypatch.setattr(boards, "import_module", lambda name: pytest.fail("MLflow was imported unasked"))
    assert track(made_study(2)) == ""


def test_an_address_without_mlflow_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(boards.URI, "http://127.0.0.1:9")
    monkeypatch.setattr(boards, "find_spec", lambda name: None)
    assert "pip install mlflow-skinny" in track(made_study(2))


class Broken:
    """An MLflow whose server is gone; its message holds the address."""

    class MlflowClient:
        def __init__(self, tracking_uri: str) -> None:
            self.uri = tracking_uri

        def get_experiment_by_name(self, name: str) -> None:
            raise ConnectionError(f"no answer from {self.uri}")


def test_a_server_that_does_not_answer_costs_the_study_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(boards.URI, "http://me:hush@127.0.0.1:9")
    monkeypatch.setattr(boards, "find_spec", lambda name: object())
    monkeypatch.setattr(boards, "import_module", lambda name: Broken)
    said = track(made_study(2))
    assert "took 0 of 2 trials" in said
    assert "ConnectionError" in said
    assert "hush" not in said


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_mlflow_holds_every_trial_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is installed: it is not among what the tests bring."""
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv(boards.URI, uri)
    first, more = made_study(4, asked=6, metrics=("pinball", "size")), made_study(6, metrics=("pinball", "size"))
    assert "4 trials new" in track(first)
    assert "2 trials new" in track(more)
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("invplat/autumn")
    runs = {run.data.tags["invplat.trial"]: run for run in client.search_runs([experiment.experiment_id])}
    assert len(runs) == 6
    trial = more.finished[2]
    assert runs["2"].data.params["learning_rate"] == str(trial.params["learning_rate"])
    history = client.get_metric_history(runs["2"].info.run_id, "loss_validation")
    assert [one.value for one in history] == pytest.approx(list(trial.validation))
