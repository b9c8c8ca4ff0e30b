"""A workload before the judge: chosen and learnt on what was known, asked for what followed; a kept model as it is."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
import torch

from invplat.core.errors import DatasetError, SettingRefused
from invplat.data.panel import Panel
from invplat.data.split import Origin, Span
from invplat.evaluate.backtest import backtest
from invplat.evaluate.known import as_known
from invplat.evaluate.panels import read_panels
from invplat.train.contest import origins_of
from invplat.train.forecaster import Kept, Learner, learnt
from invplat.train.material import read_material
from invplat.train.plan import Plan
from invplat.workload import Spec, find
from tests.data.memory import day
from tests.train.shop import DAYS, TINY, shop

SPEC = Spec(past=14, horizon=7, quantiles=(0.1, 0.5, 0.9))
MLP = find("mlp")


def learner(**options: Any) -> Learner:
    return Learner(MLP, SPEC, TINY, **{"epochs": 3, "most": 400, **options})


def known(cutoff: date, **shown: Any) -> list[Panel]:
    return [as_known(panel, cutoff, 7) for panel in read_panels(shop(**shown)).panels]


def at(cutoff: date) -> Origin:
    return Origin(cutoff, Span(cutoff, cutoff, ()), day(0), day(0))


@pytest.fixture(scope="module")
def asked() -> tuple[Learner, Any]:
    one = learner()
    cutoff = day(DAYS - 20)
    one.fit(known(cutoff), at(cutoff))
    return one, one.predict(known(cutoff), at(cutoff), 7)


def test_every_series_is_answered_in_the_panel_s_order(asked: tuple[Learner, Any]) -> None:
    _, said = asked
    assert [forecast.mean.shape for forecast in said] == [(4, 7), (4, 7)]
    for forecast in said:
        assert forecast.levels == SPEC.quantiles
        assert (np.diff(forecast.quantiles, axis=2) >= -1e-6).all()
        assert forecast.mean[3].max() < 0.5  # the one that never sold
        assert forecast.mean[:3].min() > 0.5


def test_nothing_after_the_cutoff_changes_what_is_said(asked: tuple[Learner, Any]) -> None:
    cutoff = day(DAYS - 20)
    other = learner()
    spoilt = known(cutoff, spoilt_after=DAYS - 20)
    other.fit(spoilt, at(cutoff))
    for mine, theirs in zip(asked[1], other.predict(spoilt, at(cutoff), 7), strict=True):
        np.testing.assert_array_equal(mine.mean, theirs.mean)
        np.testing.assert_array_equal(mine.quantiles, theirs.quantiles)


def test_the_curve_is_of_the_fit_that_chose_its_epochs(asked: tuple[Learner, Any]) -> None:
    curve = asked[0].curve
    assert curve is not None
    assert len(curve.train) == len(curve.validation) == 3
    losses = [loss for loss in curve.validation if loss is not None]
    assert losses[curve.best - 1] == min(losses)


def test_it_learns_again_from_all_that_was_known(asked: tuple[Learner, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the validation said, and up to the cutoff itself."""
    from invplat.train import forecaster

    fits: list[tuple[int, str]] = []
    real = forecaster.learnt

    def spy(material: Any, params: Any, plan: Plan, **options: Any) -> Any:
        windows = material.windows.cutoffs[material.train.rows.numpy()]
        fits.append((plan.epochs, str(windows.max().astype("datetime64[D]"))))
        return real(material, params, plan, **options)

    monkeypatch.setattr(forecaster, "learnt", spy)
    cutoff = day(DAYS - 20)
    one = learner()
    one.fit(known(cutoff), at(cutoff))
    assert one.curve is not None
    assert [epochs for epochs, _ in fits] == [3, one.curve.best]
    assert fits[0][1] < fits[1][1] == str(day(DAYS - 20 - 7))


def test_a_kept_model_says_the_same_at_every_origin_whatever_it_is_shown(asked: tuple[Learner, Any]) -> None:
    model = asked[0].model
    assert model is not None
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    panels = read_panels(shop()).panels
    found = backtest([Kept(model, name="kept")], panels, origins_of(panels, SPEC, 3), 7)
    for name, value in model.module.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert len(found.answers["kept"]) == 3 * 8 * 7
    with pytest.raises(DatasetError, match="answers for 7 periods, 14 were asked for"):
        backtest([Kept(model, name="kept")], panels, origins_of(panels, Spec(past=14, horizon=14), 1), 14)


def test_a_fit_that_never_had_a_finite_loss_is_refused_with_its_batch() -> None:
    material = read_material(MLP, [shop()], past=14, horizon=7, most=200)
    with pytest.raises(SettingRefused, match=r"mlp learnt nothing: the loss was not finite in epoch 1, batch 2 of 4"):
        learnt(material, MLP.space.check(TINY), Plan(epochs=2, learning_rate=1e30, clip=0.0, batch_size=64))


def test_what_was_not_fitted_says_so() -> None:
    with pytest.raises(DatasetError, match="mlp has not learnt anything yet"):
        learner().predict([], at(day(9)), 7)
