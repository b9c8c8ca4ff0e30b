"""A steady load on a deployment, every answer of which is held against what the model that it names says in process."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from invplat.client import Client
from invplat.core.errors import InvplatError
from invplat.serve.order_schemas import OrdersAsked
from invplat.serve.schemas import ForecastsAsked
from invplat.serve.service import Service
from tests.serve.deployed import Deployed

CLOSE = 1e-6  # of a series' largest figure


@dataclass
class Wanted:
    """What each model of each business says, by its reference."""

    forecasts: dict[tuple[str, str], dict[tuple[str, str], tuple[Any, Any]]] = field(default_factory=dict)
    orders: dict[tuple[str, str], dict[tuple[str, str], dict[str, Any]]] = field(default_factory=dict)

    def learn(self, service: Service, tenant: str) -> str:
        """Of the model that the service has now."""
        said = asyncio.run(service.forecasts(tenant, ForecastsAsked()))
        key = (tenant, said.model["reference"])
        self.forecasts[key] = {name: (said.mean[row], said.quantiles[row]) for row, name in enumerate(said.names)}
        found = asyncio.run(service.orders(tenant, OrdersAsked())).records()
        self.orders[key] = {(one["store"], one["sku"]): one for one in found}
        return key[1]

    def names(self, tenant: str) -> list[tuple[str, str]]:
        return next(list(found) for (name, _), found in self.forecasts.items() if name == tenant)

    def trouble(self, tenant: str, what: str, answer: Mapping[str, Any], count: int) -> str:
        """Nothing where the answer is what it should be."""
        key = (tenant, answer["model"]["reference"])
        if answer["tenant"] != tenant or key not in self.forecasts:
            return f"{tenant} was answered for {answer['tenant']} by {key[1]}"
        if len(answer[what]) != count:
            return f"{len(answer[what])} {what} where {count} were asked for"
        check = self._forecast if what == "forecasts" else self._order
        return next((said for one in answer[what] if (said := check(key, one))), "")

    def _forecast(self, key: tuple[str, str], one: Mapping[str, Any]) -> str:
        mean, quantiles = self.forecasts[key][one["store"], one["sku"]]
        apart = max(np.abs(np.array(one["mean"]) - mean).max(), np.abs(np.array(one["quantiles"]) - quantiles).max())
        return "" if apart <= CLOSE * np.abs(quantiles).max() + 1e-9 else f"{key}: forecasts {apart} apart"

    def _order(self, key: tuple[str, str], one: Mapping[str, Any]) -> str:
        wanted = self.orders[key][one["store"], one["sku"]]
        for name, value in wanted.items():
            if isinstance(value, float) and abs(one[name] - value) > 1e-5 * abs(value) + 1e-6:
                return f"{key}: order {name} {one[name]} for {value}"
            if isinstance(value, str | int) and one[name] != value:
                return f"{key}: order {name} {one[name]} for {value}"
        return ""


@dataclass
class Load:
    """Asked by several threads of the client, and by one without it."""

    deployed: Deployed
    wanted: Wanted
    tenants: tuple[str, ...]
    rate: float = 300.0  # requests a second, of all threads together
    threads: int = 6
    raw_rate: float = 40.0
    asked: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    took: list[tuple[float, float]] = field(default_factory=list)  # when, and how long
    by: Counter[tuple[str, str]] = field(default_factory=Counter)  # business and model
    raw: Counter[str] = field(default_factory=Counter)  # what became of those without the client
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator[Load]:
        works = [threading.Thread(target=self._ask_on, args=(number,)) for number in range(self.threads)]
        works += [threading.Thread(target=self._ask_raw)] if self.raw_rate else []
        for work in works:
            work.start()
        try:
            yield self
        finally:
            self._over.set()
            for work in works:
                work.join(90)

    def seen(self, *models: tuple[str, str]) -> bool:
        return all(self.by[model] for model in models)

    def fresh(self, more: int = 300) -> bool:
        """Whether so many were answered since this was first asked; for `until`."""
        self._from = getattr(self, "_from", None) or self.right
        if self.right >= self._from + more:
            del self._from
            return True
        return False

    def check(self, what: str) -> None:
        """Nothing lost, nothing doubled, nothing wrong."""
        took = np.array([each for _, each in self.took])
        figures = f"p50 {np.quantile(took, 0.5) * 1e3:.1f} ms, p99 {np.quantile(took, 0.99) * 1e3:.0f} ms"
        print(f"\n{what}: {self.right} of {self.asked} right, {figures}, longest {took.max():.1f} s; raw {self.told}")
        assert not self.wrong, (len(self.wrong), self.wrong[:5])
        assert self.right == self.asked > 0

    @property
    def told(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in sorted(self.raw.items()))

    def _ask_on(self, number: int) -> None:
        draw = random.Random(number)
        clients = {name: self.deployed.client(name, patience=60) for name in self.tenants}
        step = self.threads / self.rate
        due = time.monotonic() + draw.uniform(0, step)
        while not self._over.wait(max(0.0, due - time.monotonic())):
            tenant = draw.choice(self.tenants)
            with self._lock:
                self.asked += 1  # before it is answered: what hangs, or ends this thread, is missed
            began = time.monotonic()
            model, said = self._once(clients[tenant], tenant, draw)
            ended = time.monotonic()
            due = max(due + step, ended - 1.0)  # after a wait a little is made up for, not all
            with self._lock:
                self.right += not said
                self.by[tenant, model] += 1
                self.took.append((ended, ended - began))
                self.wrong += [said] if said else []
        for client in clients.values():
            client.close()

    def _once(self, client: Client, tenant: str, draw: random.Random) -> tuple[str, str]:
        names = self.wanted.names(tenant)
        some = draw.sample(names, draw.choice((1, 1, 1, 2, len(names))))
        what = draw.choice(("forecasts", "forecasts", "orders"))
        try:
            answer = getattr(client, what)(tenant, series=some)
        except InvplatError as error:
            return "", f"{type(error).__name__}: {error}"
        except Exception as error:  # whatever it was, it is no answer
            return "", repr(error)
        return answer["model"]["reference"], self.wanted.trouble(tenant, what, answer, len(some))

    def _ask_raw(self) -> None:
        tenant = self.tenants[0]
        store, sku = self.wanted.names(tenant)[0]
        body = {"series": [{"store": store, "sku": sku}]}
        while not self._over.wait(1 / self.raw_rate):
            try:
                said = str(self.deployed.forecasts(tenant, body).status)
            except OSError as error:
                said = type(error).__name__
            except Exception as error:
                said = type(error).__name__
            self.raw[said] += 1
