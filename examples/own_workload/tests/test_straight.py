from own_workload.straight import WORKLOAD

from invplat.testing.workloads import WorkloadSuite


class TestStraight(WorkloadSuite):
    workload = WORKLOAD
    heart = {"epochs": 800, "learning_rate": 1e-2}  # noqa: RUF012  (how long and how fast it learns 32 windows by heart)
