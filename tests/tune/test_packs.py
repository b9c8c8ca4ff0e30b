"""A pack from asking to results: metrics on validation only, who is stopped, what is said of those that ran away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from invplat.core.errors import SettingRefused
from invplat.train.material import Material, read_material
from invplat.tune.metrics import Judge, check_metrics
from invplat.tune.packs import Runner
from invplat.tune.plan import StudyPlan
from invplat.tune.trial import Asked, Finished, Pack, State
from invplat.tune.width import WIDTHS, Widths, best, widest
from invplat.workload import find
from tests.train.shop import shop

SHAPE = {"hidden_one": 32, "hidden_two": 32, "batch_size": 64}


@pytest.fixture(scope="module")
def task() -> Material:
    return read_material(find("mlp"), [shop()], past=14, horizon=7, quantiles=(0.1, 0.5, 0.9), most=600)


def plan_of(**given: Any) -> StudyPlan:
    options: dict[str, Any] = {
        "name": "s",
        "workload": "mlp",
        "datasets": (("t", 1),),
        "search": "random",
        "trials": 4,
        "metrics": ("pinball",),
        "scheduler": "none",
        "epochs": 3,
        "patience": 0,
        "seed": 0,
        "max_concurrent": 1,
        "space": find("mlp").space,
    }
    return StudyPlan(**{**options, **given})


def run_pack(task: Material, pack: Pack, plan: StudyPlan) -> list[Finished]:
    return Runner.of(task, plan, "cpu")(pack)


def pack_of(*rates: float, rungs: Any = None, **shape: int) -> Pack:
    params = [{**find("mlp").space.defaults, **SHAPE, **shape, "learning_rate": rate} for rate in rates]
    return Pack(3, tuple(Asked(10 + k, found, 100 + k) for k, found in enumerate(params)), rungs or {})


def test_every_trial_of_a_pack_comes_back_with_its_values(task: Material) -> None:
    found = run_pack(task, pack_of(1e-3, 3e-3), plan_of(metrics=("pinball", "rmse", "cost", "size")))
    assert [trial.number for trial in found] == [10, 11]
    for trial in found:
        assert trial.state is State.DONE
        assert trial.pack == 3
        assert len(trial.train) == len(trial.validation) == 3
        assert trial.loss == min(trial.validation) == trial.validation[trial.best - 1]
        assert all(value is not None and value > 0 for value in trial.values.values())
    assert found[0].values["size"] == found[1].values["size"]
    assert found[0].values["pinball"] != found[1].values["pinball"]


def test_a_trial_says_the_same_in_any_pack(task: Material) -> None:
    whole = run_pack(task, pack_of(1e-3, 3e-3, 1e-2), plan_of())
    pack = pack_of(1e-3, 3e-3, 1e-2)
    alone = run_pack(task, replace(pack, trials=pack.trials[1:2]), plan_of())[0]
    assert alone.validation == pytest.approx(whole[1].validation, rel=1e-4)
    assert alone.values["pinball"] == pytest.approx(whole[1].values["pinball"], rel=1e-4)


def test_who_lags_behind_what_was_seen_before_is_stopped(task: Material) -> None:
    seen = {1: (0.0,) * 6}
    stopped = run_pack(task, pack_of(1e-3, 3e-3, rungs=seen), plan_of(scheduler="asha", epochs=9))
    assert {trial.state for trial in stopped} == {State.STOPPED}
    assert {len(trial.validation) for trial in stopped} == {1}
    assert all(trial.values["pinball"] for trial in stopped), "one that was stopped has a value for what it had learnt"


def test_the_defaults_are_never_cut_short(task: Material) -> None:
    defaults = task.workload.space.defaults
    pack = Pack(0, (Asked(0, dict(defaults), 1), Asked(1, {**defaults, "dropout_one": 0.4}, 2)), {1: (0.0,) * 6})
    found = run_pack(task, pack, plan_of(scheduler="asha", epochs=9))
    assert [(trial.state, len(trial.validation)) for trial in found] == [(State.DONE, 9), (State.STOPPED, 1)]


def test_one_that_runs_away_is_told_of_and_has_no_value(task: Material) -> None:
    # Nothing in a space leads here, but a person's file may.
    found = run_pack(task, pack_of(1e-3, 1e38), plan_of())
    assert [trial.state for trial in found] == [State.DONE, State.DIVERGED]
    assert found[1].values == {"pinball": None}
    assert "not finite" in found[1].why
    assert found[1].params["learning_rate"] == 1e38


def test_what_cannot_be_trained_does_not_take_others_with_it(task: Material) -> None:
    pack = pack_of(1e-3, 1e-3)
    odd = replace(pack.trials[1], params={**pack.trials[1].params, "hidden_two": 10**9})
    found = run_pack(task, replace(pack, trials=(pack.trials[0], odd)), plan_of())
    assert [trial.state for trial in found] == [State.DONE, State.FAILED]
    assert found[1].why


def test_watching_tells_every_epoch_and_trial(task: Material) -> None:
    told: list[tuple[int, list[int]]] = []
    Runner.of(task, plan_of())(pack_of(1e-3, 3e-3), lambda epoch, losses: told.append((epoch, sorted(losses))))
    assert told == [(1, [10, 11]), (2, [10, 11]), (3, [10, 11])]


def test_metrics_are_of_the_validation_part_only(task: Material) -> None:
    judge = Judge.of(task, ("pinball", "rmse", "cost"))
    module = task.workload.build(task.workload.space.defaults, task.layout)
    whole = judge(module)
    assert len(judge.demand) == len(task.validation)

    class Closed:
        def __len__(self) -> int:
            return 1

        def __getattr__(self, name: str) -> Any:
            raise AssertionError("the test part was read")

    assert Judge.of(replace(task, test=Closed(), train=Closed()), ("pinball", "rmse", "cost"))(module) == whole  # type: ignore[arg-type]


def test_who_knows_what_came_pays_least(task: Material) -> None:
    """Hindsight is what costs are measured by, so a net that says the demand itself costs about as much."""
    judge = Judge.of(task, ("pinball", "rmse", "cost"))
    torch.manual_seed(0)
    asked = [0]

    class Knowing(torch.nn.Module):
        def forward(self, **_: torch.Tensor) -> dict[str, torch.Tensor]:
            return {}

    class Clairvoyant(type(task.workload)):  # type: ignore[misc]
        def inputs(self, module: Any, batch: Any, chance: Any = None) -> dict[str, torch.Tensor]:
            return {}

        def predict(self, outputs: Any, batch: Any, layout: Any) -> Any:
            from invplat.workload import Prediction

            demand = torch.where(judge.seen, judge.demand, torch.maximum(judge.demand, batch.level[:, None]))
            asked[0] += 1
            return Prediction(demand.unsqueeze(-1).expand(-1, -1, 3), (0.1, 0.5, 0.9), demand)

    known = replace(judge, task=replace(task, workload=Clairvoyant()))
    found = known(Knowing())
    assert asked[0] == 1
    assert found["pinball"] == pytest.approx(0, abs=1e-6)
    assert found["rmse"] == pytest.approx(0, abs=1e-5)
    untaught = judge(task.workload.build(task.workload.space.defaults, task.layout))
    assert all(found[name] < untaught[name] for name in found)


@pytest.mark.parametrize(("given", "hint"), [(["pinbal"], "did you mean pinball"), ([], "pinball")])
def test_unknown_metrics_are_refused(given: list[str], hint: str) -> None:
    with pytest.raises(SettingRefused) as error:
        check_metrics(given)
    assert hint in str(error.value.hint)


def test_the_width_is_where_wider_gains_no_more() -> None:
    tried: list[int] = []

    def seconds(width: int) -> float:
        tried.append(width)
        return 1.0 + 0.25 * width  # starting costs 1, each member's arithmetic a quarter

    assert best(seconds, 64) == 32
    assert tried == [1, 2, 4, 8, 16, 32, 64]
    assert best(lambda width: float(width), 64) == 1
    assert best(lambda width: 1.0, 12) == 12
    assert best(lambda width: 5.0 if width == 2 else 1.0, 8) == 8  # one bad moment is no limit
    assert best(lambda width: pytest.fail("measured for nothing"), 1) == 1


@pytest.mark.parametrize(
    ("asked", "most"),
    [
        ({"search": "bayes", "trials": 64}, 4),
        ({"search": "random", "trials": 12}, 12),
        ({"search": "random", "trials": 1_000}, 128),
        ({"search": "grid", "trials": None}, 36),  # as many points of each shape has the grid of mlp
        ({"search": "grid", "trials": 20}, 20),
    ],
)
def test_nothing_wider_is_measured_than_a_study_has_trials_of_a_shape(asked: dict[str, Any], most: int) -> None:
    assert widest(plan_of(space=find("mlp").space, **asked)) == most


def test_widths_are_measured_once_and_kept(task: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "home" / "widths.json"
    params = {**find("mlp").space.defaults, **SHAPE, "batch_size": 16}
    found = Widths(task, kept=kept)(params)
    assert 1 <= found <= WIDTHS[-1]
    again = Widths(task, kept=kept)
    monkeypatch.setattr(Widths, "seconds", lambda *_: pytest.fail("measured again"))
    assert again(params) == found
    assert again({**params, "learning_rate": 0.01}) == found, "what does not shape a net does not change its pace"
    kept.write_text("{broken")
    assert Widths(task, kept=kept).found == {}
