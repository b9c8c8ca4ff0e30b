"""Integrated gradients: how much of the way from a usual answer to this one each number that a net is told explains.

The attributions of a window sum to its answer less the usual one, up to how finely the way was walked: steps are
doubled until they do. Captum walks; this module says from where to where.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from invplat.core.errors import MissingExtra
from invplat.evaluate.reasons.told import Asked, Told

WITHIN = 0.01  # of the difference that is explained, how much may be missing
STEPS = (32, 64, 128, 256, 512)
AT_ONCE = 8192  # windows × steps in one pass
SMALLEST = 0.01  # of an answer: what is missing is measured against no less than this


@dataclass(frozen=True)
class Attributed:
    parts: Told  # as told, what each number adds to the answer
    answers: Tensor  # of each window
    usual: Tensor  # the answer to what is usual, at each window's own level
    steps: int

    @property
    def sums(self) -> Tensor:
        return torch.stack([part.reshape(len(part), -1).sum(1) for part in self.parts.values()]).sum(0)

    @property
    def gaps(self) -> Tensor:
        """Of each window, the share of the difference that is not explained, or explained twice."""
        difference = self.answers - self.usual
        least = (SMALLEST * torch.maximum(self.answers.abs(), self.usual.abs())).clamp(min=1e-9)
        return (self.sums - difference).abs() / torch.maximum(difference.abs(), least)

    @property
    def gap(self) -> float:
        """Of all windows together."""
        difference = self.answers - self.usual
        return float((self.sums - difference).abs().sum() / difference.abs().sum().clamp(min=1e-9))


def usual(asked: Asked, which: Tensor) -> Told:
    """The mean over windows of each number that the net is told, with one window along the first axis."""
    return {name: value.mean(dim=0, keepdim=True) for name, value in asked.told(which).items()}


def attributed(asked: Asked, which: Tensor, base: Told, *, together: bool = False) -> Attributed:
    """Of these windows, against `base`; by as many steps as it takes for the parts to add up, of every window or of
    all together."""
    try:
        from captum.attr import IntegratedGradients
    except ModuleNotFoundError as error:
        raise MissingExtra("explaining a net needs captum", hint="pip install 'invplat[explain]'") from error
    told = asked.told(which)
    start = {name: base[name].expand_as(value) for name, value in told.items()}
    names = _moving(asked, which, told)

    def says(*given: Tensor) -> Tensor:
        return asked.says(given[-1], dict(zip(names, given[:-1], strict=True)))

    with torch.no_grad():
        answers, base_answers = asked.says(which, told), asked.says(which, start)
    method = IntegratedGradients(says, multiply_by_inputs=True)
    found = None
    for steps in STEPS:
        parts = method.attribute(
            inputs=tuple(told[name] for name in names),
            baselines=tuple(start[name] for name in names),
            additional_forward_args=(which,),
            n_steps=steps,
            internal_batch_size=max(AT_ONCE, len(which)),
        )
        moved = {name: part.detach() for name, part in zip(names, parts, strict=True)}
        whole = {name: moved.get(name, torch.zeros_like(value)) for name, value in told.items()}
        found = Attributed(whole, answers, base_answers, steps)
        if (found.gap if together else float(found.gaps.max())) <= WITHIN:
            break
    assert found is not None  # there are steps
    return found


def _moving(asked: Asked, which: Tensor, told: Told) -> list[str]:
    """What the answer depends on at all: a net may be told more than this answer needs."""
    given = {name: value.clone().requires_grad_() for name, value in told.items()}
    slopes = torch.autograd.grad(asked.says(which, given).sum(), list(given.values()), allow_unused=True)
    return [name for name, slope in zip(given, slopes, strict=True) if slope is not None]
