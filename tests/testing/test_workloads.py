"""The suite can fail: a workload that breaks one duty is caught by the test of that duty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from invplat.core.errors import UserError
from invplat.data.layout import Layout
from invplat.data.windows import Batch, Windows
from invplat.testing.workloads import WorkloadSuite
from invplat.train.chance import Alone
from invplat.workload import Chance, Outputs, Parts, Prediction, Source, Spec
from invplat_workloads.mlp import MLP


class Crossing(MLP):
    def predict(self, outputs: Outputs, batch: Batch, layout: Layout) -> Prediction:
        found = super().predict(outputs, batch, layout)
        return replace(found, quantiles=found.quantiles.flip(-1))


class Scaled(MLP):
    """Forgets to multiply by the level."""

    def predict(self, outputs: Outputs, batch: Batch, layout: Layout) -> Prediction:
        return Prediction(outputs["quantiles"], layout.quantiles, outputs["mean"])


class Careless(MLP):
    """Divides by demand."""

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> torch.Tensor:
        return super().loss(outputs, batch, layout) / batch.past[:, :, 0].sum(dim=1)


class Gossiping(MLP):
    """Lets one window hear of another."""

    def inputs(self, module: torch.nn.Module, batch: Batch, chance: Chance | None = None) -> dict[str, torch.Tensor]:
        found = super().inputs(module, batch, chance)
        return found | {"past": found["past"] - found["past"].mean(dim=0)}


class Peeking(MLP):
    """Looks at the answer."""

    def predict(self, outputs: Outputs, batch: Batch, layout: Layout) -> Prediction:
        found = super().predict(outputs, batch, layout)
        return replace(found, mean=found.mean + batch.target.sum(dim=-1, keepdim=True))


class Counting(MLP):
    """Counts hidden periods too."""

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> torch.Tensor:
        return super().loss(outputs, replace(batch, observed=torch.ones_like(batch.observed)), layout)


class Homeless(MLP):
    parts = Parts(trunk=("trunk_one",), head=("head.",), tenant=("identity.", "scaling_"))


class Rolling(MLP):
    """Draws from torch's own chance."""

    def inputs(self, module: torch.nn.Module, batch: Batch, chance: Chance | None = None) -> dict[str, torch.Tensor]:
        return super().inputs(module, batch, None if chance is None else Alone(_rolled()))


def _rolled() -> int:
    return int(torch.randint(0, 10**6, ()))


class Picky(MLP):
    """Reads columns as they come instead of by name."""

    def examples(self, windows: Windows, layout: Layout, **given: object) -> Source:  # type: ignore[override]
        own = self.layout(windows, Spec(past=layout.past, horizon=layout.horizon, quantiles=layout.quantiles))
        return super().examples(windows, own)


Check = Callable[[WorkloadSuite], None]


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Crossing, WorkloadSuite.test_every_corner_of_the_space_builds_and_predicts),
        (Scaled, WorkloadSuite.test_a_thousand_times_the_demand_is_a_thousand_times_the_forecast),
        (Careless, WorkloadSuite.test_odd_series_are_answered_and_learnt_from),
        (Gossiping, WorkloadSuite.test_answers_do_not_depend_on_the_batch),
        (Peeking, WorkloadSuite.test_what_is_hidden_does_not_count),
        (Counting, WorkloadSuite.test_what_is_hidden_does_not_count),
        (Homeless, WorkloadSuite.test_every_parameter_belongs_to_one_part),
        (Rolling, WorkloadSuite.test_a_net_is_a_pure_function),
        (Rolling, WorkloadSuite.test_one_seed_one_result),
        (Picky, WorkloadSuite.test_columns_that_are_missing_cost_no_crash),
    ],
)
def test_a_broken_duty_is_caught(broken: type[MLP], check: Check) -> None:
    class Suite(WorkloadSuite):
        workload = broken()
        quick = {"hidden_one": 32, "hidden_two": 32}  # noqa: RUF012

    check(_whole())
    with pytest.raises((AssertionError, UserError, RuntimeError, KeyError)):
        check(Suite())


def _whole() -> WorkloadSuite:
    class Suite(WorkloadSuite):
        workload = MLP()
        quick = {"hidden_one": 32, "hidden_two": 32}  # noqa: RUF012

    return Suite()
