"""How workers that learn one net together talk: sums of tensors, and small records in JSON. Knows no Ray and no nets.

A worker that refuses what it was given tells the others, so that all end with the same error and nobody waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed as processes

from invplat.core import errors
from invplat.core.errors import InvplatError, UserError
from invplat.train.memory import Region, region_of

T = TypeVar("T")
Wait = Callable[[], None]


class Exchange(Protocol):
    @property
    def rank(self) -> int:
        """From 0; worker 0 also writes what is kept."""
        ...

    @property
    def size(self) -> int: ...

    def sum(self, tensor: torch.Tensor) -> Wait:
        """Begins to replace the tensor by the sum of all workers' tensors; it is there once the answer was called."""
        ...

    def gather(self, record: Any) -> list[Any]:
        """The records of all workers, in order of rank; JSON."""
        ...


class Single:
    """One worker: nobody to wait for."""

    rank, size = 0, 1

    def sum(self, tensor: torch.Tensor) -> Wait:
        return _nothing

    def gather(self, record: Any) -> list[Any]:
        return [record]


class Processes:
    """Workers that are processes of one torch.distributed group; on one machine sums go through its memory."""

    def __init__(self) -> None:
        self.rank, self.size = processes.get_rank(), processes.get_world_size()
        self.regions: dict[int, Region | None] = {}

    def sum(self, tensor: torch.Tensor) -> Wait:
        if self.size == 1:
            return _nothing
        if tensor.device.type == "cpu" and tensor.dtype is torch.float32:
            count = tensor.numel()
            if count not in self.regions:
                self.regions[count] = region_of(self.rank, self.size, count, self.gather)
            region = self.regions[count]
            if region is not None:
                return region.sum(tensor)
        work = processes.all_reduce(tensor, async_op=True)

        def wait() -> None:
            work.wait()

        return wait

    def gather(self, record: Any) -> list[Any]:
        data = torch.frombuffer(bytearray(json.dumps(record).encode()), dtype=torch.uint8)
        lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        processes.all_gather(lengths, torch.tensor([len(data)]))
        most = int(max(lengths))
        padded = torch.zeros(most, dtype=torch.uint8)
        padded[: len(data)] = data
        rows = [torch.empty(most, dtype=torch.uint8) for _ in range(self.size)]
        processes.all_gather(rows, padded)
        return [json.loads(row[: int(length)].numpy().tobytes()) for row, length in zip(rows, lengths, strict=True)]


def agreed(exchange: Exchange, work: Callable[[], T], tell: Callable[[T], Any]) -> tuple[T, list[Any]]:
    """This worker's result, and what every worker tells of its own; the first refusal of any is raised by all."""
    found: list[T] = []
    try:
        found.append(work())
        said = {"told": tell(found[0])}
    except UserError as error:
        said = {"refused": refusal(error)}
    heard = exchange.gather(said)
    for one in heard:
        if "refused" in one:
            raise error_of(one["refused"])
    return found[0], [one["told"] for one in heard]


def refusal(error: InvplatError) -> dict[str, Any]:
    return {"kind": type(error).__name__, "message": error.message, "hint": error.hint}


def error_of(record: dict[str, Any]) -> InvplatError:
    kind = getattr(errors, record["kind"], None)
    chosen = kind if isinstance(kind, type) and issubclass(kind, InvplatError) else InvplatError
    return chosen(record["message"], hint=record["hint"])


def _nothing() -> None:
    pass
