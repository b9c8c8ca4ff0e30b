"""A worker of a shared fit is killed: the others stop, all start anew, and the fit ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from invplat.data.layout import Layout
from invplat.data.windows import Batch
from invplat.train.distributed import trained_by_workers
from invplat.train.material import read_material
from invplat.train.training import trained
from invplat.workload import Outputs
from invplat_workloads.mlp import MLP
from tests.chaos.promises import Promise
from tests.train.chain import ASKED, chain
from tests.train.shop import TINY

PLAN = {"epochs": 4, "patience": 0, "batch_size": 64}
STEPS = 8  # of an epoch: 500 windows


class Dying(MLP):
    """Its process is killed once, after so many steps, if it is worker `rank`."""

    def __init__(self, folder: Path, rank: int, after: int) -> None:
        self.folder, self.rank, self.after = folder, rank, after

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> torch.Tensor:
        if torch.is_grad_enabled() and torch.distributed.is_initialized():
            self.after -= 1
            dead = self.folder / "dead"
            if self.after == 0 and torch.distributed.get_rank() == self.rank and not dead.exists():
                dead.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().loss(outputs, batch, layout)


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
@pytest.mark.parametrize(("rank", "after"), [pytest.param(1, 2 * STEPS + 3, marks=pytest.mark.long), (0, 3)])
def test_a_worker_killed_in_an_epoch(rank: int, after: int, tmp_path: Path, promise: Promise) -> None:
    what = f"worker {rank} of a fit killed"
    promise(what, "all start anew from the last epoch; the same model")
    dataset = chain(tmp_path / "storage")
    asked: dict[str, Any] = {**ASKED, "most": 500}
    seen: list[int] = []

    def watch(epoch: object, checkpoint: object) -> bool:
        seen.append(epoch.number)  # type: ignore[attr-defined]
        return True

    made = trained_by_workers(
        Dying(tmp_path, rank, after), [dataset], workers=2, params=TINY, plan=PLAN, asked=asked, watch=watch
    )
    assert (tmp_path / "dead").exists()
    assert seen == [1, 2, 3, 4]
    calm = trained(read_material(MLP(), [dataset], **asked), params=TINY, plan=PLAN)
    weights = [dict(each.model.module.state_dict()) for each in (made, calm)]
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=1e-5)  # to the order of summing
    losses = [[epoch.validation for epoch in each.fitted.history] for each in (made, calm)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert dataset.storage.names("fits") == []
    promise(what, measured={"epochs lost": 0})
