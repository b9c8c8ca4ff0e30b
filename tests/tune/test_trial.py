from __future__ import annotations

import json
from math import inf, isnan, nan

from invplat.core.space import Space, Uniform
from invplat.tune.trial import Asked, Finished, Pack, State, shape_names, shape_of
from tests.tune.studies import SPACE, ended

TRIAL = Asked(4, {"hidden": 64, "rate": 0.001, "dropout": 0.0, "batch_size": 256}, seed=2**31 - 1)


def test_a_pack_survives_json() -> None:
    pack = Pack(2, (TRIAL,), {3: (0.5, 0.25), 9: ()})
    assert Pack.from_json(json.loads(json.dumps(pack.to_json()))) == pack


def test_an_end_survives_json() -> None:
    finished = ended(TRIAL, 2, 0.5, values={"pinball": 0.5, "size": 812.0}, state=State.STOPPED)
    again = Finished.from_json(json.loads(json.dumps(finished.to_json())))
    assert again == finished
    assert again.state is State.STOPPED


def test_losses_that_ran_away_are_plain_json_too() -> None:
    away = ended(TRIAL, 2, state=State.DIVERGED, loss=nan, values={"pinball": inf}, validation=(0.5, nan, inf))
    text = json.dumps(away.to_json(), allow_nan=False)
    again = Finished.from_json(json.loads(text))
    assert (again.loss, again.values) == (None, {"pinball": None})
    assert again.validation[0] == 0.5
    assert all(map(isnan, again.validation[1:]))


def test_the_batch_size_is_part_of_a_shape() -> None:
    assert shape_names(SPACE) == ("hidden", "batch_size")
    assert shape_of(SPACE, TRIAL.params) == (("hidden", 64), ("batch_size", 256))
    assert shape_names(Space({"rate": Uniform(0, 1, 0)})) == ()
