"""Many fits as one: nets of one shape whose weights are stacked and trained by one program, step by step together.

A small net spends its time on starting operations, not on arithmetic; here each operation is started once for all. A
member sees what it would have seen alone (same examples in the same order, same draws, own learning rate and weight
decay) and ends with the weights it would have had. Members that diverge, tire or are told to stop leave the stack.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from invplat.core.errors import SettingRefused
from invplat.core.space import Params
from invplat.data.layout import Layout
from invplat.train.chance import Counting, Draws, Given
from invplat.train.loop import (
    JUDGED_AT_ONCE,
    LOOK_EVERY,
    Ended,
    Epoch,
    Fitted,
    fit,
    order_generator,
    order_of,
    steps,
)
from invplat.train.plan import Plan
from invplat.workload import Source, Workload

OWN = {"learning_rate", "weight_decay", "seed"}  # entries of a plan in which members of a pack may differ
LEAST = 32  # examples a step of judging, however many members there are
BETAS, EPSILON = (0.9, 0.999), 1e-8  # AdamW's, as a fit alone has them


@dataclass(frozen=True)
class Member:
    params: Params
    plan: Plan


Keep = Callable[[int, Mapping[int, Epoch]], Collection[int]]


def fit_pack(
    workload: Workload,
    members: Sequence[Member],
    layout: Layout,
    train: Source,
    validation: Source | None = None,
    *,
    device: str = "cpu",
    keep: Keep | None = None,
) -> list[Fitted]:
    """One result a member, in their order. `keep` is told each epoch of those still learning, and answers which of them
    go on."""
    if not len(train):
        raise SettingRefused("there are no examples to learn from", hint="choose earlier cutoffs or a shorter past")
    checked(workload, members)
    if len(members) == 1 or not workload.fusable:
        return [_alone(workload, place, member, layout, train, validation, device, keep)
                for place, member in enumerate(members)]  # fmt: skip
    run = Pack(workload, members, layout, train.to(device), validation.to(device) if validation else None, device)
    return run.go(keep)


def checked(workload: Workload, members: Sequence[Member]) -> None:
    """That these can be trained as one."""
    first = members[0]
    for name in workload.space.shape_names:
        found = {member.params.get(name, workload.space.defaults[name]) for member in members}
        if len(found) > 1:
            raise SettingRefused(f"{name} of a pack is {', '.join(map(str, sorted(found)))}", hint="give it one shape")
    for member in members:
        odd = [line for line in first.plan.differences(member.plan.to_json()) if line.split()[0] not in OWN]
        if len(members) > 1 and (first.plan.order is None or odd):
            why = odd[0] if odd else "order is not given"
            raise SettingRefused(
                f"plans of a pack differ: {why}", hint=f"only {', '.join(sorted(OWN))} may; order must be one seed"
            )


def _alone(
    workload: Workload,
    place: int,
    member: Member,
    layout: Layout,
    train: Source,
    validation: Source | None,
    device: str,
    keep: Keep | None,
) -> Fitted:
    def watch(epoch: Epoch, _: Any) -> bool:
        return keep is None or place in keep(epoch.number, {place: epoch})

    return fit(workload, member.params, layout, train, validation, plan=member.plan, device=device, watch=watch)


class Stack:
    """Weights of nets of one shape: a row a net. The optimizer and the clipping work on rows, the nets on views."""

    def __init__(self, nets: Sequence[torch.nn.Module], device: str) -> None:
        self.net = nets[0].to(device)  # says what is computed; its own weights are never used
        self.shapes = {name: value.shape for name, value in self.net.named_parameters()}
        self.sizes = [shape.numel() for shape in self.shapes.values()]
        rows = [torch.cat([value.detach().flatten() for value in net.to(device).parameters()]) for net in nets]
        self.weights = torch.stack(rows)
        self.gradient, self.mean, self.square = (torch.zeros_like(self.weights) for _ in range(3))
        self.buffers = {
            name: torch.stack([dict(net.named_buffers())[name] for net in nets]) for name, _ in self.net.named_buffers()
        }
        self.views = self._views()

    def __len__(self) -> int:
        return len(self.weights)

    def _views(self) -> dict[str, Tensor]:
        parts = torch.split(self.weights, self.sizes, dim=1)
        shaped = zip(self.shapes.items(), parts, strict=True)
        return {name: part.view(len(self), *shape).requires_grad_() for (name, shape), part in shaped}

    def keep(self, rows: Sequence[int]) -> None:
        index = torch.tensor(list(rows), device=self.weights.device)
        for name in ("weights", "gradient", "mean", "square"):
            setattr(self, name, getattr(self, name)[index])
        self.buffers = {name: value[index] for name, value in self.buffers.items()}
        self.views = self._views()

    def backward(self, losses: Tensor, clip: float) -> None:
        """Fills each row's gradient, none longer than `clip`."""
        views = list(self.views.values())
        found = torch.autograd.grad(losses.sum(), views, allow_unused=True)
        flat = [
            torch.zeros_like(view).flatten(1) if part is None else part.flatten(1)
            for view, part in zip(views, found, strict=True)
        ]
        torch.cat(flat, dim=1, out=self.gradient)
        if clip:
            norms = torch.linalg.vector_norm(self.gradient, dim=1, keepdim=True)
            self.gradient *= (clip / (norms + 1e-6)).clamp(max=1.0)

    def step(self, taken: Tensor, rates: Sequence[float], decays: Sequence[float]) -> None:
        """AdamW, row by row: each has its own rate, and a call passes once over all it needs. `taken`: steps so far."""
        taken += 1
        rows = zip(self.weights, self.gradient, self.mean, self.square, rates, decays, strict=True)
        for weights, gradient, mean, square, rate, decay in rows:
            torch._fused_adamw_(
                [weights], [gradient], [mean], [square], [], [taken],
                lr=rate, beta1=BETAS[0], beta2=BETAS[1], weight_decay=decay, eps=EPSILON,
                amsgrad=False, maximize=False,
            )  # fmt: skip

    def module_state(self, row: int, weights: Tensor) -> dict[str, Tensor]:
        """Of one net, with these weights (a row), as its state_dict has it."""
        parts = zip(self.shapes.items(), torch.split(weights, self.sizes), strict=True)
        found = {name: part.view(shape).clone() for (name, shape), part in parts}
        return {**found, **{name: value[row].clone() for name, value in self.buffers.items()}}


class Pack:
    def __init__(
        self,
        workload: Workload,
        members: Sequence[Member],
        layout: Layout,
        train: Source,
        validation: Source | None,
        device: str,
    ) -> None:
        self.workload, self.layout, self.train, self.validation = workload, layout, train, validation
        self.members, self.plan, self.device = list(members), members[0].plan, device
        self.modules = [self._built(member) for member in members]
        self.stack = Stack(self.modules, device)
        self.order = order_generator(self.plan)
        self.draws = Draws([member.plan.seed for member in members], device)
        self.needs: dict[int, int] = {}  # numbers drawn in a step, by the batch's size
        self.steps = steps(len(train), self.plan)
        self.taken = torch.zeros((), device=device)
        self.here = list(range(len(members)))  # which member each row is
        self.history: list[list[Epoch]] = [[] for _ in members]
        self.best = [0] * len(members)
        self.best_state = [self.stack.module_state(row, self.stack.weights[row]) for row in self.here]
        self.done: dict[int, Fitted] = {}

    def _built(self, member: Member) -> torch.nn.Module:
        with torch.random.fork_rng(devices=[self.device] if self.device.startswith("cuda") else []):
            torch.manual_seed(member.plan.seed)
            return self.workload.build(member.params, self.layout)

    def go(self, keep: Keep | None) -> list[Fitted]:
        for number in range(1, self.plan.epochs + 1):
            self.leave({member: (Ended.PATIENCE, "") for member in self.here if self.tired(member)})
            if not self.here:
                break
            began = time.monotonic()
            losses, bad = self.epoch(number)
            self.leave(bad)
            told = dict(zip(self.here, self.judged(), strict=True)) if self.here else {}
            seconds = time.monotonic() - began
            lost = {member for member, value in told.items() if value is not None and not math.isfinite(value)}
            trouble = f"the loss was not finite in epoch {number}, the validation part"
            self.leave(dict.fromkeys(lost, (Ended.DIVERGED, trouble)))
            for row, member in enumerate(self.here):
                rate = self.members[member].plan.rate(number * self.steps - 1, self.total)
                epoch = Epoch(number, losses[member], told[member], rate, seconds)
                self.history[member].append(epoch)
                best = self.best[member]
                if not best or _score(epoch) < _score(self.history[member][best - 1]):
                    self.best[member] = number
                    self.best_state[member] = self.stack.module_state(row, self.stack.weights[row])
            if keep is not None and self.here:
                going = set(keep(number, {member: self.history[member][-1] for member in self.here}))
                self.leave({member: (Ended.STOPPED, "") for member in self.here if member not in going})
        self.leave({m: (Ended.PATIENCE if self.tired(m) else Ended.EPOCHS, "") for m in self.here})
        return [self.done[member] for member in range(len(self.members))]

    @property
    def total(self) -> int:
        return self.plan.epochs * self.steps

    def tired(self, member: int) -> bool:
        return bool(self.plan.patience) and len(self.history[member]) - self.best[member] >= self.plan.patience

    def leave(self, ended: Mapping[int, tuple[Ended, str]]) -> None:
        if not ended:
            return
        for member, (why, trouble) in ended.items():
            module, best = self.modules[member], self.best[member]
            module.load_state_dict(self.best_state[member])
            loss = _score(self.history[member][best - 1]) if best else None
            self.done[member] = Fitted(module, tuple(self.history[member]), best, loss, why, trouble)
        rows = [row for row, member in enumerate(self.here) if member not in ended]
        self.here = [self.here[row] for row in rows]
        if rows:
            self.stack.keep(rows)
            self.draws.keep(rows)

    def epoch(self, number: int) -> tuple[dict[int, float], dict[int, tuple[Ended, str]]]:
        """Each member's mean loss, and which of them were lost in it, and where."""
        self.draws.begin(number)
        every = 1 if self.device == "cpu" else LOOK_EVERY
        here = list(self.here)
        losses: list[Tensor] = []
        sizes: list[int] = []
        lost: dict[int, tuple[Ended, str]] = {}
        for place, which in enumerate(self.batches()):
            losses.append(self.step(which, (number - 1) * self.steps + place))
            sizes.append(len(which))
            if place % every == every - 1 or place == self.steps - 1:
                recent = torch.stack(losses[-every:])
                bad = ~recent.isfinite()
                # One that is lost goes on to nothing until the epoch ends: leaving in the middle would stop the others.
                for row in bad.any(dim=0).nonzero().flatten().tolist() if bool(bad.any()) else ():
                    first = len(losses) - len(recent) + int(bad[:, row].nonzero()[0]) + 1
                    where = f"the loss was not finite in epoch {number}, batch {first} of {self.steps}"
                    lost.setdefault(here[row], (Ended.DIVERGED, where))
                if len(lost) == len(here):
                    break
        weights = torch.tensor(sizes, dtype=torch.float64)
        means = (torch.stack(losses).double().cpu() * weights[:, None]).sum(dim=0) / weights.sum()
        return dict(zip(here, means.tolist(), strict=True)), lost

    def batches(self) -> Iterator[Tensor]:
        order = order_of(len(self.train), self.order).to(self.device)
        yield from torch.split(order, self.plan.batch_size)

    def step(self, which: Tensor, number: int) -> Tensor:
        """The loss of each row."""
        batch = self.train.batch(which)
        numbers = self.draws.take(self.needed(which, batch))

        def one(weights: Any, buffers: Any, drawn: Tensor) -> Tensor:
            inputs = self.workload.inputs(self.stack.net, batch, Given(drawn))
            outputs = functional_call(self.stack.net, (weights, buffers), args=(), kwargs=inputs)
            return self.workload.loss(outputs, batch, self.layout).mean()

        with torch.autocast("cuda", torch.bfloat16, enabled=self.plan.mixed and self.device.startswith("cuda")):
            losses = vmap(one)(self.stack.views, self.stack.buffers, numbers)
        self.stack.backward(losses, self.plan.clip)
        plans = [self.members[member].plan for member in self.here]
        rates = [plan.rate(number, self.total) for plan in plans]
        self.stack.step(self.taken, rates, [plan.weight_decay for plan in plans])
        found: Tensor = losses.detach()
        return found

    def needed(self, which: Tensor, batch: Any) -> int:
        if len(which) not in self.needs:
            counting = Counting(self.device)
            self.workload.inputs(self.stack.net, batch, counting)
            self.needs[len(which)] = counting.count
        return self.needs[len(which)]

    @torch.no_grad()
    def judged(self) -> list[float | None]:
        """Each row's mean loss on the validation part."""
        source = self.validation
        if source is None:
            return [None] * len(self.here)
        total = torch.zeros(len(self.here), dtype=torch.float64, device=self.device)
        at_once = max(LEAST, JUDGED_AT_ONCE // len(self.here))
        for which in torch.split(torch.arange(len(source), device=self.device), at_once):
            batch = source.batch(which)
            inputs = self.workload.inputs(self.stack.net, batch)

            def one(weights: Any, buffers: Any, batch: Any = batch, inputs: Any = inputs) -> Tensor:
                outputs = functional_call(self.stack.net, (weights, buffers), args=(), kwargs=inputs)
                return self.workload.loss(outputs, batch, self.layout).double().sum()

            total += vmap(one)(self.stack.views, self.stack.buffers)
        return [value / max(len(source), 1) for value in total.tolist()]


def _score(epoch: Epoch) -> float:
    return epoch.train if epoch.validation is None else epoch.validation


def members_of(params: Sequence[Params], seeds: Sequence[int], plan: Plan) -> list[Member]:
    """Trials as members: each its own searched entries and seed, the rest of the plan in common."""
    found = []
    for chosen, seed in zip(params, seeds, strict=True):
        own = Plan.of(chosen, order=plan.seed if plan.order is None else plan.order, seed=seed)
        searched = {
            name: getattr(own, name) for name in ("learning_rate", "weight_decay", "batch_size") if name in chosen
        }
        found.append(Member(chosen, replace(plan, **searched, seed=own.seed, order=own.order)))
    return found
