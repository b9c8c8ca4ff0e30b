"""Workers that are threads of one process, as an exchange: for tests of what several workers do together."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

from invplat.train.exchange import Exchange, Wait

T = TypeVar("T")


class Threads:
    def __init__(self, rank: int, size: int, barrier: threading.Barrier, board: list[Any]) -> None:
        self.rank, self.size, self.barrier, self.board = rank, size, barrier, board

    def sum(self, tensor: torch.Tensor) -> Wait:
        self.board[self.rank] = tensor.clone()

        def wait() -> None:
            self.barrier.wait()
            tensor.copy_(torch.stack(self.board).sum(0))
            self.barrier.wait()

        return wait

    def gather(self, record: Any) -> list[Any]:
        self.board[self.rank] = json.dumps(record)
        self.barrier.wait()
        found = [json.loads(one) for one in self.board]
        self.barrier.wait()
        return found


def together(size: int, work: Callable[[Exchange], T]) -> list[T]:
    """`work` by so many workers at once; one that fails breaks the others' waiting."""
    barrier, board = threading.Barrier(size, timeout=120), [None] * size

    def run(rank: int) -> T:
        try:
            return work(Threads(rank, size, barrier, board))
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        futures = [pool.submit(run, rank) for rank in range(size)]
        errors = [error for error in (future.exception() for future in futures) if error is not None]
        for error in errors:
            if not isinstance(error, threading.BrokenBarrierError):
                raise error
        return [future.result() for future in futures]
