"""Every workload that we bring passes the suite."""

from __future__ import annotations

from invplat.testing.workloads import WorkloadSuite
from invplat_workloads import mlp, recurrent

SMALL = {"hidden_one": 32, "hidden_two": 32}


class TestMLP(WorkloadSuite):
    workload = mlp.WORKLOAD
    quick = {"hidden_one": 64, "hidden_two": 64}  # noqa: RUF012


class TestLSTM(WorkloadSuite):
    workload = recurrent.LSTM
    quick = SMALL


class TestGRU(WorkloadSuite):
    workload = recurrent.GRU
    quick = SMALL


class TestRNN(WorkloadSuite):
    workload = recurrent.RNN
    quick = SMALL
