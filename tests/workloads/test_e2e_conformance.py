"""Our end-to-end workload passes the suite."""

from __future__ import annotations

from invplat.testing.workloads import WorkloadSuite
from invplat_workloads.e2e.workload import WORKLOAD


class TestE2E(WorkloadSuite):
    workload = WORKLOAD
    quick = {"hidden": 64, "channels": 16}  # noqa: RUF012
