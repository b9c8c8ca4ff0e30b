"""The losses are least where they should be, and what is hidden or cut short counts as such."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from invplat.data.windows import Batch
from invplat_workloads.layers import rising
from invplat_workloads.losses import deviance, pinball, square


def batch_of(target: list[float], censored: list[int] | None = None, observed: list[int] | None = None) -> Batch:
    """One example a value, a horizon of one."""
    column = torch.tensor(target)[:, None]
    marks = [
        torch.tensor(given or [default] * len(target))[:, None] for given, default in ((censored, 0), (observed, 1))
    ]
    none = torch.zeros(len(target), 0)
    return Batch(none, none, none, {}, column, marks[1], marks[0], torch.ones(len(target)), torch.zeros(len(target)))


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_the_pinball_loss_is_least_at_the_quantile(level: float) -> None:
    draws = np.random.default_rng(0).gamma(2.0, 2.0, 999)
    batch = batch_of(draws.tolist())
    answers = torch.linspace(0, 15, 301)
    losses = [float(pinball(answer.expand(999, 1, 1), (level,), batch).mean()) for answer in answers]
    assert float(answers[int(np.argmin(losses))]) == pytest.approx(np.quantile(draws, level), abs=0.1)


@pytest.mark.parametrize("loss", [deviance, square])
def test_a_mean_s_loss_is_least_at_the_mean(loss: object) -> None:
    draws = np.random.default_rng(0).gamma(2.0, 2.0, 999)
    batch = batch_of(draws.tolist())
    answers = torch.linspace(0.1, 15, 299)
    losses = [float(loss(answer.expand(999, 1), batch).mean()) for answer in answers]  # type: ignore[operator]
    assert float(answers[int(np.argmin(losses))]) == pytest.approx(draws.mean(), abs=0.1)


def test_an_exact_answer_costs_nothing_not_even_at_zero() -> None:
    batch = batch_of([0.0, 1.0, 5.0])
    answer = batch.target.clone().requires_grad_()
    for found in (deviance(answer, batch), square(answer, batch), pinball(answer[..., None], (0.5,), batch)):
        assert found.tolist() == pytest.approx([0, 0, 0], abs=1e-5)
        (slope,) = torch.autograd.grad(found.sum(), answer)
        assert slope.isfinite().all()


def test_below_nothing_is_as_good_as_nothing() -> None:
    batch = batch_of([0.0, 0.0, 2.0])
    answer = torch.tensor([-3.0, 0.5, -3.0])[:, None, None].requires_grad_()
    losses = pinball(answer, (0.5,), batch)
    assert losses.tolist() == pytest.approx([0, 0.5, 5])
    (slope,) = torch.autograd.grad(losses.sum(), answer)
    assert slope.flatten().tolist() == pytest.approx([0, 1, -1]), "an answer below nothing still learns from sales"


def test_an_answer_above_a_bound_is_free_and_one_below_costs_as_ever() -> None:
    plain, bound = batch_of([4.0, 4.0]), batch_of([4.0, 4.0], censored=[1, 1])
    answer = torch.tensor([[6.0], [3.0]])
    for loss in (deviance, square, lambda mean, batch: pinball(mean[..., None], (0.3,), batch)):
        usual, excused = loss(answer, plain), loss(answer, bound)
        assert usual[0] > 0
        assert excused[0] == 0
        assert excused[1] == usual[1] > 0


def test_hidden_periods_are_left_out_of_the_mean() -> None:
    whole = batch_of([2.0])
    two = replace(
        whole,
        target=torch.tensor([[2.0, 99.0]]),
        observed=torch.tensor([[1, 0]]),
        censored=torch.tensor([[0, 0]]),
    )
    assert square(torch.tensor([[5.0, 5.0]]), two).tolist() == square(torch.tensor([[5.0]]), whole).tolist() == [9.0]
    none = replace(two, observed=torch.tensor([[0, 0]]))
    assert square(torch.tensor([[5.0, 5.0]]), none).tolist() == [0.0]


@given(st.lists(st.floats(-50, 50, width=32), min_size=5, max_size=5), st.integers(0, 4))
def test_quantiles_rise_about_a_middle_that_stays(raw: list[float], middle: int) -> None:
    found = rising(torch.tensor(raw), middle)
    assert (found.diff() >= 0).all()
    assert found[middle] == torch.tensor(raw)[middle]
