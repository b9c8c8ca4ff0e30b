"""Our end-to-end workload passes the suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from invplat.testing.workloads import WorkloadSuite
from invplat_workloads.e2e.workload import WORKLOAD


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small nets: a second thread mostly waits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class TestE2E(WorkloadSuite):
    workload = WORKLOAD
    quick = {"hidden": 32, "channels": 8}  # noqa: RUF012
