"""Work written out says what the work says, or is not written out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, vmap

from invplat.serve.program import Named, written

SHAPES = ((4, 3, 5), (4, 3), (4, 5))


def _inputs(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


class _Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk, self.head = torch.nn.Linear(5, 5), torch.nn.Linear(5, 3)

    def forward(self, seen: Tensor) -> Named:
        low, high = self.head(torch.relu(self.trunk(seen))).split([1, 2], dim=-1)
        return {"low": low, "high": low + torch.nn.functional.softplus(high).cumsum(-1)}


NET = _Net()


def _heads(inputs: Sequence[Tensor]) -> Named:
    def one(weight: Tensor, bias: Tensor, seen: Tensor) -> Named:
        return functional_call(NET, {"head.weight": weight, "head.bias": bias}, (seen,))

    return vmap(one)(*inputs)


def test_it_says_of_other_inputs_what_the_work_says() -> None:
    program = written(_heads, _inputs(1), _inputs(2))
    assert program is not None
    for seed in (1, 2, 3):
        wanted, got = _heads(_inputs(seed)), program(_inputs(seed))
        assert got.keys() == wanted.keys()
        for name, value in wanted.items():
            torch.testing.assert_close(got[name], value)


def test_it_can_be_repeated_in_inference_mode() -> None:
    program = written(_heads, _inputs(1), _inputs(2))
    assert program is not None
    with torch.inference_mode():
        torch.testing.assert_close(program(_inputs(5)), _heads(_inputs(5)))


def test_what_was_there_before_is_held_and_not_copied() -> None:
    net = torch.nn.Linear(5, 2)
    program = written(lambda inputs: {"said": net(inputs[2])}, _inputs(1), _inputs(2))
    assert program is not None
    with torch.no_grad():
        net.weight.zero_()
    assert torch.equal(program(_inputs(3))["said"], net.bias.expand(4, 2))


@pytest.mark.parametrize(
    "looks",
    [
        lambda x: x * 2 if x.sum().item() > 0 else x,
        lambda x: x[x > 0].sum().expand(4),
        lambda x: x * float(x.abs().max()),
    ],
)
def test_work_that_looks_into_its_numbers_is_not_written_out(looks: object) -> None:
    assert callable(looks)
    assert written(lambda inputs: {"said": looks(inputs[2])}, _inputs(1), _inputs(2)) is None


def test_work_that_differs_from_time_to_time_is_not_written_out() -> None:
    times = iter(range(9))
    assert written(lambda inputs: {"said": inputs[2] * (1 + next(times))}, _inputs(1), _inputs(2)) is None


def test_an_error_of_the_work_is_the_work_s_to_tell() -> None:
    """None, and who asked runs the work itself."""
    assert written(lambda inputs: {"said": inputs[0] @ inputs[0]}, _inputs(1), _inputs(2)) is None
