"""The API's questions as methods; answers are plain dicts, or tables where a table was asked for.

Knows the paths and the fields; how a request arrives is the wire's, what its bytes mean is the words'.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from invplat.client.errors import NoAnswer
from invplat.client.wire import Wire
from invplat.client.words import ARROW, Series, answer, asked, columnar, named, table
from invplat.core.errors import NameRefused, SettingRefused
from invplat.core.names import check_tenant

if TYPE_CHECKING:
    import pyarrow as pa

UNDER_WAY = ("queued", "running")  # states of a job that isn't over
JOB = re.compile(r"[A-Za-z0-9_-]{1,100}")
By = Literal["series", "store", "sku", "category", "total"]
Answer = dict[str, Any]
Names = Sequence[str]


class Client:
    """One service, seen with one key. Safe to use from many threads; a `with` closes its connections.

    `timeout`: seconds that one try may keep silent. `patience`: seconds within which a request that did not arrive, or
    was refused for the moment, is tried again. The business is the key's own where `tenant` is not given.
    """

    def __init__(self, url: str, key: str | None = None, timeout: float = 30, patience: float = 30) -> None:
        if not timeout > 0 or not patience >= 0:
            raise SettingRefused(f"timeout {timeout!r} and patience {patience!r}", hint="give seconds, such as 30")
        self._wire = Wire(url, key, timeout, patience)
        self._mine: Answer | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return self._wire.url

    def __repr__(self) -> str:
        return f"Client({self.url!r}, key=***)"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()

    def me(self) -> Answer:
        """Whose key it is and what it may; asked once."""
        with self._lock:
            if self._mine is None:
                self._mine = self._wire.ask("GET", "/v1/me", answer)
            return dict(self._mine)

    def healthy(self) -> bool:
        """Whether the service answers for businesses; one that does not answer at all is an error."""
        return bool(self._wire.ask("GET", "/healthz", lambda content: True))

    @overload
    def forecasts(
        self, tenant: str | None = None, *, as_table: Literal[True], series: Any = None, **fields: Any
    ) -> pa.Table: ...
    @overload
    def forecasts(
        self,
        tenant: str | None = None,
        *,
        series: Series | Any = None,
        stores: Names | None = None,
        skus: Names | None = None,
        categories: Names | None = None,
        horizon: int | None = None,
        quantiles: Sequence[float] | None = None,
        as_of: date | str | None = None,
        by: By | None = None,
        correlation: float | None = None,
        what_if: Mapping[str, Any] | None = None,
        as_table: Literal[False] = False,
    ) -> Answer: ...
    def forecasts(self, tenant: str | None = None, *, as_table: bool = False, **fields: Any) -> Answer | pa.Table:
        """Demand by period: mean and quantiles, of some series or of all, or summed `by` store, SKU or category.

        `series`: pairs of store and SKU, or a table with these columns. `what_if`: a price, price_change or promotion.
        """
        return self._read("forecasts", tenant, fields, as_table)

    def orders(
        self,
        tenant: str | None = None,
        *,
        series: Series | Any = None,
        stores: Names | None = None,
        skus: Names | None = None,
        categories: Names | None = None,
        as_of: date | str | None = None,
        what_if: Mapping[str, Any] | None = None,
        correlation: float | None = None,
        budget: float | None = None,
        only_orders: bool | None = None,
        as_table: bool = False,
        **terms: Any,
    ) -> Any:
        """What to order: quantity, level, reorder point, safety stock, risk and money, and why.

        `series` may say more of each: mappings, or a table, with store, sku and what is known of its terms, such as
        on_hand, on_order, lead_time, pack. `terms` hold for items that say nothing of their own: service=0.98.
        """
        items = series is not None and not columnar(series)
        listed = list(series) if items else None
        detailed = listed is not None and any(isinstance(one, Mapping) for one in listed)
        fields = {
            "series": (None if detailed else listed) if items else series,
            "items": [named(one) for one in listed] if detailed and listed else None,
            "stores": stores,
            "skus": skus,
            "categories": categories,
            "as_of": as_of,
            "what_if": what_if,
            "correlation": correlation,
            "budget": budget,
            "only_orders": only_orders,
            "defaults": {name: value for name, value in terms.items() if value is not None} or None,
        }
        return self._read("orders", tenant, fields, as_table)

    def kpis(self, tenant: str | None = None, **asked_for: Any) -> Answer:
        """Turnover, holding cost, service level, stockouts."""
        return self._get("kpis", tenant, asked_for)

    def model(self, tenant: str | None = None) -> Answer:
        """What answers: version, lineage, metrics, the gate's verdict."""
        return self._get("model", tenant)

    def series(self, tenant: str | None = None, **asked_for: Any) -> Answer:
        """Which stores and SKUs there are."""
        return self._get("series", tenant, asked_for)

    def history(self, tenant: str | None = None, **asked_for: Any) -> Answer:
        """What was sold, period by period."""
        return self._get("history", tenant, asked_for)

    def insights(self, tenant: str | None = None, **asked_for: Any) -> Answer:
        """What an owner would want to be told, each with its money."""
        return self._get("insights", tenant, asked_for)

    def explain(self, tenant: str | None = None, **asked_for: Any) -> Answer:
        """Which inputs drive a forecast."""
        return self._post("explain", tenant, asked_for)

    def finetune(self, tenant: str | None = None, **options: Any) -> Answer:
        """Have the business's model learn from its newest data; the same asked twice is the same job."""
        return self._post("finetunes", tenant, options)

    def job(self, job: str) -> Answer:
        return self._wire.ask("GET", _of_job(job), answer)

    def jobs(self, tenant: str | None = None, **asked_for: Any) -> Answer:
        """The business's jobs, the newest first."""
        return self._get("jobs", tenant, asked_for)

    def stop(self, job: str) -> Answer:
        """What is done of it stays done."""
        return self._wire.ask("POST", f"{_of_job(job)}/stop", answer)

    def wait(self, job: str | Mapping[str, Any], every: float = 1.0, most: float | None = None) -> Answer:
        """The job once it is over, whichever way; `most` seconds, if given, and no longer."""
        name = job if isinstance(job, str) else str(job.get("job") or job.get("id"))
        until = None if most is None else time.monotonic() + most
        while True:
            found = self.job(name)
            if found.get("state") not in UNDER_WAY:
                return found
            if until is not None and time.monotonic() + every > until:
                raise NoAnswer(
                    f"job {name} is {found['state']} after {most:g} seconds of waiting", hint="it goes on; wait again"
                )
            time.sleep(every)

    def _read(self, what: str, tenant: str | None, fields: Mapping[str, Any], as_table: bool) -> Any:
        said = asked(fields)
        given: dict[str, Any] = {"body": said.body, "kind": said.kind, "query": said.query}
        path = self._path(what, tenant)
        if as_table:
            return self._wire.ask("POST", path, table, accept=ARROW, **given)
        return self._wire.ask("POST", path, answer, **given)

    def _post(self, what: str, tenant: str | None, fields: Mapping[str, Any]) -> Answer:
        return self._wire.ask("POST", self._path(what, tenant), answer, body=asked(fields).body)

    def _get(self, what: str, tenant: str | None, fields: Mapping[str, Any] | None = None) -> Answer:
        given = {name: _word(value) for name, value in (fields or {}).items() if value is not None}
        return self._wire.ask("GET", self._path(what, tenant), answer, query=given)

    def _path(self, what: str, tenant: str | None) -> str:
        whose = tenant if tenant is not None else self.me().get("tenant")
        if whose is None:
            raise SettingRefused(
                "the key is an administrator's, so it doesn't say which business is meant",
                hint='name it: tenant="corner-shop"',
            )
        return f"/v1/tenants/{check_tenant(str(whose))}/{what}"


def _of_job(job: str) -> str:
    if not JOB.fullmatch(job):
        raise NameRefused(f"{job!r} is no job", hint="it is what finetune() answered with")
    return f"/v1/jobs/{job}"


def _word(value: Any) -> Any:
    """In a query: dates as days, truth as JSON has it; a list is said several times."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()[:10]
    return [_word(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else value
