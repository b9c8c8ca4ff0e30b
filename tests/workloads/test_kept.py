"""Examples that are kept are those that were gathered, to the bit, and only where they fit."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from invplat.data.windows import Batch
from invplat.testing.panels import Case, made_windows
from invplat.workload import Spec
from invplat_workloads import kept
from invplat_workloads.flat import FlatWindows
from invplat_workloads.kept import Kept
from invplat_workloads.mlp import WORKLOAD

SPEC = Spec(past=14, horizon=5)


def gathered() -> FlatWindows:
    cut = made_windows(Case(past=14, horizon=5))
    return FlatWindows.of(cut, WORKLOAD.layout(cut, SPEC))


def same(one: Batch, other: Batch) -> None:
    assert type(one) is type(other)
    for field in fields(one):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        for name in ours if field.name == "ids" else ():
            assert torch.equal(ours[name], theirs[name]), name
        if field.name != "ids":
            assert ours.dtype == theirs.dtype
            assert torch.equal(ours, theirs), field.name


def test_the_second_time_round_says_what_the_first_did() -> None:
    source = gathered()
    ours = Kept(source)
    which = torch.randperm(len(source))
    for part in (*which.split(100), *which.flip(0).split(33)):
        same(ours.batch(part), source.batch(part))
    assert ours.tables is not None
    assert ours.to("cpu") is ours, "what is kept stays so where nothing moves"


def test_what_is_asked_once_or_is_too_much_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    source = gathered()
    every = torch.arange(len(source))
    ours = Kept(source)
    ours.batch(every)
    assert ours.tables is None
    monkeypatch.setattr(kept, "MOST", 1000)
    same(ours.batch(every), source.batch(every))
    assert ours.tables is None
