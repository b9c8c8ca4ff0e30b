"""Requests that arrive together are answered together: one run of the nets for all of them, whoever they are from.

Nobody waits for company: a batch is what has arrived while the event loop was busy. Long lists go to a thread, so that
short questions need not wait for them. A request that spoils its batch is answered with its own error, the others as
if it had not been there. Lives on one event loop.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from invplat.core.errors import InvplatError
from invplat.serve.heads import Asked, Stack, apart
from invplat.workload import Prediction

MOST = 512  # examples in one go on the event loop
TURNS = 6  # of the loop, at most
LONG = 64  # more examples than this go to the thread


@dataclass(frozen=True)
class _Waiting:
    stack: Stack
    asked: Asked
    answer: asyncio.Future[Prediction]


class Batcher:
    def __init__(self, told: Callable[[int], None] = lambda size: None) -> None:
        """`told`: the size of each batch, in requests."""
        self.told = told
        self._waiting: list[_Waiting] = []
        self._called = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="long answers")

    async def ask(self, stack: Stack, asked: Asked) -> Prediction:
        loop = asyncio.get_running_loop()
        if len(asked) > LONG:
            self.told(1)
            return checked(await loop.run_in_executor(self._thread, stack.whole, [asked]))
        future: asyncio.Future[Prediction] = loop.create_future()
        self._waiting.append(_Waiting(stack, asked, future))
        if not self._called:
            self._called = True
            loop.call_soon(self._gather, 0, TURNS)
        return await future

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _gather(self, seen: int, turns: int) -> None:
        """Each turn of the loop may bring more who have arrived already and are still being read: as long as it does,
        they come along."""
        if turns and seen < len(self._waiting) < MOST:
            asyncio.get_running_loop().call_soon(self._gather, len(self._waiting), turns - 1)
        else:
            self._flush()

    def _flush(self) -> None:
        self._called = False
        waiting, self._waiting = self._waiting, []
        groups: dict[int, list[_Waiting]] = {}
        for one in waiting:
            if not one.answer.done():  # who asked has hung up
                groups.setdefault(id(one.stack), []).append(one)
        for group in groups.values():
            first = 0
            while first < len(group):
                last, size = first, 0
                while last < len(group) and (size == 0 or size + len(group[last].asked) <= MOST):
                    size += len(group[last].asked)
                    last += 1
                self._answer(group[first:last])
                first = last

    def _answer(self, group: Sequence[_Waiting]) -> None:
        self.told(len(group))
        asked = [one.asked for one in group]
        try:
            whole = group[0].stack.whole(asked)
            sound = finite(whole)
        except Exception as error:
            if len(group) == 1:
                group[0].answer.set_exception(error)
                return
            for one in group:  # one of them has spoilt it: each by itself
                self._answer([one])
            return
        for one, prediction in zip(group, apart(whole, [len(each) for each in asked]), strict=True):
            if sound or finite(prediction):
                one.answer.set_result(prediction)
            else:
                one.answer.set_exception(no_number())


def finite(said: Prediction) -> bool:
    """A sum is one number to look at, and none where any of what it sums is none."""
    return math.isfinite(said.mean.sum().item() + said.quantiles.sum().item())


def checked(said: Prediction) -> Prediction:
    if not finite(said):
        raise no_number()
    return said


def no_number() -> InvplatError:
    return InvplatError("the model's answer is no number", hint="roll back to the model before it")
