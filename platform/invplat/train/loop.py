"""One fit of one net: pure torch, on whatever device the examples lie. Knows no Ray, no files, no workload by name.

Everything random is the fit's own: a generator for the order of examples, and `chance` for what a net draws while it
trains. So a seed gives the same weights twice, and a checkpoint goes on to the same bits.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import torch

from invplat.core.errors import SettingRefused
from invplat.core.space import Params
from invplat.data.layout import Layout
from invplat.train.chance import Alone
from invplat.train.checkpoint import Checkpoint, grouped
from invplat.train.exchange import Exchange
from invplat.train.plan import Plan
from invplat.train.shared import Crew, Shared
from invplat.workload import Source, Workload

JUDGED_AT_ONCE = 4096  # examples a step where nothing is learnt
LOOK_EVERY = 100  # steps between two looks at the loss on a GPU, where each look waits for it
MOMENTS = ("exp_avg", "exp_avg_sq")
DRAWING = threading.Lock()  # weights are drawn from torch's own generator, which is one for all threads

State = dict[str, torch.Tensor]


class Ended(StrEnum):
    """Why a fit stopped."""

    EPOCHS = "all epochs done"
    PATIENCE = "validation got no better"
    STOPPED = "told to stop"
    DIVERGED = "loss was not finite"  # try a smaller learning rate, or look for strange values in that batch


@dataclass(frozen=True)
class Epoch:
    number: int  # from 1
    train: float
    validation: float | None
    rate: float  # of the last step
    seconds: float


@dataclass(frozen=True)
class Fitted:
    module: torch.nn.Module  # with the best weights
    history: tuple[Epoch, ...]
    best: int  # epoch of those weights; 0 where none was completed
    loss: float | None  # validation loss of the best epoch (training loss without validation)
    ended: Ended
    trouble: str  # where it diverged; empty otherwise


Watch = Callable[[Epoch, Callable[[], Checkpoint]], bool]


def fit(
    workload: Workload,
    params: Params,
    layout: Layout,
    train: Source,
    validation: Source | None = None,
    *,
    plan: Plan,
    module: torch.nn.Module | None = None,
    device: str = "cpu",
    resume: Checkpoint | None = None,
    watch: Watch | None = None,
    exchange: Exchange | None = None,
) -> Fitted:
    """`module`: begin from these weights, those that don't require a gradient staying as they are.

    `watch` is told each epoch, and how to make a checkpoint of it; answering False stops the fit. `exchange`: with the
    other workers of this fit; both sources are then `Shared`.
    """
    if not len(train):
        raise SettingRefused("there are no examples to learn from", hint="choose earlier cutoffs or a shorter past")
    with DRAWING, torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
        torch.manual_seed(plan.seed)
        net = (workload.build(params, layout) if module is None else module).to(device)
    sources = train.to(device), validation.to(device) if validation else None
    run = Run(workload, layout, net, *sources, plan, device, exchange)
    if resume is not None:
        run.restore(resume)
    return run.go(watch)


def order_of(count: int, generator: torch.Generator) -> torch.Tensor:
    """The order in which one epoch sees its examples."""
    return torch.randperm(count, generator=generator)


def order_generator(plan: Plan) -> torch.Generator:
    """For the order of examples; always on the CPU."""
    return torch.Generator().manual_seed(plan.seed if plan.order is None else plan.order)


def steps(count: int, plan: Plan) -> int:
    """Of one epoch; the last may be short, no example is left out."""
    return -(-count // plan.batch_size)


def judged(workload: Workload, module: torch.nn.Module, source: Source, layout: Layout, device: str) -> float:
    """Mean loss of all examples, whatever the size of a batch."""
    return float(summed(workload, module, source, layout, device)) / max(len(source), 1)


@torch.no_grad()
def summed(workload: Workload, module: torch.nn.Module, source: Source, layout: Layout, device: str) -> torch.Tensor:
    total = torch.zeros((), dtype=torch.float64, device=device)
    for which in torch.split(torch.arange(len(source), device=device), JUDGED_AT_ONCE) if len(source) else ():
        batch = source.batch(which)
        total += workload.loss(module(**workload.inputs(module, batch)), batch, layout).double().sum()
    return total


class Run:
    def __init__(
        self,
        workload: Workload,
        layout: Layout,
        module: torch.nn.Module,
        train: Source,
        validation: Source | None,
        plan: Plan,
        device: str,
        exchange: Exchange | None = None,
    ) -> None:
        self.workload, self.layout, self.module, self.plan, self.device = workload, layout, module, plan, device
        self.train, self.validation = train, validation
        self.learning = {name: value for name, value in module.named_parameters() if value.requires_grad}
        if not self.learning:
            raise SettingRefused("every parameter is frozen", hint="leave at least the head to learn")
        self.optimizer = torch.optim.AdamW(
            self.learning.values(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
        )
        self.crew: Crew | None = None
        if exchange is not None and isinstance(train, Shared):
            self.crew = Crew(exchange, train, list(self.learning.values()), plan.seed, device)
        self.order = order_generator(plan)
        self.chance = Alone(plan.seed, device) if self.crew is None else self.crew.chance
        self.steps = steps(len(train), plan)
        self.history: list[Epoch] = []
        self.best = 0
        self.best_state = self.state()

    def state(self) -> State:
        return {name: value.detach().clone() for name, value in self.module.state_dict().items()}

    def go(self, watch: Watch | None) -> Fitted:
        for number in range(len(self.history) + 1, self.plan.epochs + 1):
            if self.tired():
                return self.fitted(Ended.PATIENCE)
            began = time.monotonic()
            loss, bad = self.epoch(number)
            told = None if bad else self.judge()
            if bad or (told is not None and not math.isfinite(told)):
                where = f"batch {bad} of {self.steps}" if bad else "the validation part"
                return self.fitted(Ended.DIVERGED, f"the loss was not finite in epoch {number}, {where}")
            rate = self.plan.rate(number * self.steps - 1, self.total)
            epoch = Epoch(number, loss, told, rate, time.monotonic() - began)
            self.history.append(epoch)
            if not self.best or _score(epoch) < _score(self.history[self.best - 1]):
                self.best, self.best_state = number, self.state()
            if watch is not None and not watch(epoch, self.checkpoint):
                return self.fitted(Ended.STOPPED)
        return self.fitted(Ended.PATIENCE if self.tired() else Ended.EPOCHS)

    @property
    def total(self) -> int:
        return self.plan.epochs * self.steps

    def tired(self) -> bool:
        return bool(self.plan.patience) and len(self.history) - self.best >= self.plan.patience

    def epoch(self, number: int) -> tuple[float, int]:
        """Mean loss of the epoch, and the first batch (from 1) whose loss was not finite, or 0."""
        self.chance.begin(number)
        every = 1 if self.device == "cpu" else LOOK_EVERY
        losses: list[torch.Tensor] = []
        looked = 0
        sizes = []
        for place, which in enumerate(self.batches()):
            losses.append(self.step(which, (number - 1) * self.steps + place))
            sizes.append(len(which))
            if len(losses) - looked >= every or len(losses) == self.steps:
                fresh = torch.stack(losses[looked:])
                if not bool(fresh.isfinite().all()):
                    return float("nan"), looked + int((~fresh.isfinite()).nonzero()[0]) + 1
                looked = len(losses)
        weights = torch.tensor(sizes, dtype=torch.float64)
        return float((torch.stack(losses).double().cpu() * weights).sum() / weights.sum()), 0

    def batches(self) -> Sequence[torch.Tensor]:
        found = torch.split(order_of(len(self.train), self.order).to(self.device), self.plan.batch_size)
        if self.crew is not None:
            self.crew.train.begin(found)
        return found

    def step(self, which: torch.Tensor, number: int) -> torch.Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate(number, self.total)
        batch = self.train.batch(which)
        inputs = self.workload.inputs(self.module, batch, self.chance)
        with torch.autocast("cuda", torch.bfloat16, enabled=self.plan.mixed and self.device.startswith("cuda")):
            outputs = self.module(**inputs)
        losses = self.workload.loss(outputs, batch, self.layout)
        loss = self.learn(losses) if self.crew is None else self.crew.learn(losses)
        if self.plan.clip:
            clip([value.grad for value in self.learning.values() if value.grad is not None], self.plan.clip)
        self.optimizer.step()
        return loss

    def learn(self, losses: torch.Tensor) -> torch.Tensor:
        loss = losses.mean()
        for value in self.learning.values():
            value.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def judge(self) -> float | None:
        if self.validation is None:
            return None
        if self.crew is not None and isinstance(self.validation, Shared):
            mine = summed(self.workload, self.module, self.validation.mine, self.layout, self.device)
            return float(self.crew.total(mine)) / len(self.validation)
        return judged(self.workload, self.module, self.validation, self.layout, self.device)

    def fitted(self, ended: Ended, trouble: str = "") -> Fitted:
        self.module.load_state_dict(self.best_state)
        loss = _score(self.history[self.best - 1]) if self.best else None
        return Fitted(self.module, tuple(self.history), self.best, loss, ended, trouble)

    def checkpoint(self) -> Checkpoint:
        moments: dict[str, State] = {name: {} for name in MOMENTS}
        taken = 0
        for name, parameter in self.learning.items():
            kept = self.optimizer.state.get(parameter)
            if kept:
                taken = int(kept["step"])
                for moment in MOMENTS:
                    moments[moment][name] = kept[moment]
        tensors = grouped(
            weights=self.state(),
            best=self.best_state,
            generators={"order": self.order.get_state()},
            **moments,
        )
        facts = {
            "plan": self.plan.to_json(),
            "examples": len(self.train),
            "steps": taken,
            "best": self.best,
            "history": [asdict(epoch) for epoch in self.history],
        }
        return Checkpoint(tensors, facts)

    def restore(self, checkpoint: Checkpoint) -> None:
        self.check(checkpoint.facts)
        self.module.load_state_dict(checkpoint.group("weights"))
        self.best_state = {name: value.to(self.device) for name, value in checkpoint.group("best").items()}
        self.best = checkpoint.facts["best"]
        self.history = [Epoch(**epoch) for epoch in checkpoint.facts["history"]]
        kept = {moment: checkpoint.group(moment) for moment in MOMENTS}
        for name, parameter in self.learning.items():
            if name in kept[MOMENTS[0]]:
                state: dict[str, Any] = {moment: kept[moment][name].to(self.device) for moment in MOMENTS}
                state["step"] = torch.tensor(float(checkpoint.facts["steps"]), device=self.device)
                self.optimizer.state[parameter] = state
        self.order.set_state(checkpoint.group("generators")["order"])

    def check(self, facts: dict[str, Any]) -> None:
        """Another plan, other examples or another net would go on to something that neither fit is."""
        odd = self.plan.differences(facts["plan"])
        if facts["examples"] != len(self.train):
            odd.append(f"{facts['examples']} examples then, {len(self.train)} now")
        if odd:
            raise SettingRefused(f"the checkpoint is of another fit: {'; '.join(odd)}", hint="resume with what it had")


def clip(gradients: list[torch.Tensor], most: float) -> None:
    """Together no longer than this."""
    if not gradients:
        return
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    if norm.device.type != "cpu" or float(norm) > most:  # a GPU would wait for the look
        torch._foreach_mul_(gradients, (most / (norm + 1e-6)).clamp(max=1.0))


def _score(epoch: Epoch) -> float:
    return epoch.train if epoch.validation is None else epoch.validation
