"""What is kept of a study: its folder in the storage, whole files of JSON and one table, never a pickle.

    studies/NAME/study.json                what it is to do
                 packs/000000.asked.json   written before a pack runs
                 packs/000000.done.json    written after
                 drivers/000001.json       who leads it now, or led it; the highest number counts
                 trials.parquet            a row a trial

What is written is enough to go on from, whenever the power went.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from invplat.core.errors import Conflict, SettingRefused, StorageError
from invplat.core.names import check_study
from invplat.storage import Storage
from invplat.tune.leader import Leader, Sign, leading, sign_of
from invplat.tune.plan import StudyPlan
from invplat.tune.trial import Finished, Pack

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
ROOT = "studies"
AT_ONCE = 16  # files read; each is a journey where the storage is far


class Record:
    def __init__(self, storage: Storage, plan: StudyPlan) -> None:
        self.storage, self.plan = storage, plan
        self.prefix = f"{ROOT}/{check_study(plan.name)}"
        self._leader: Leader | None = None

    @classmethod
    def create(cls, storage: Storage, plan: StudyPlan) -> Record:
        """Of a new study; of two that create one name, one is refused."""
        record = cls(storage, plan)
        if not storage.create(f"{record.prefix}/study.json", _bytes(plan.to_json())):
            raise _taken(plan.name)
        return record

    @staticmethod
    def check_new(storage: Storage, name: str) -> None:
        """Refuses at once what `create` would, after much has been read."""
        if storage.exists(f"{ROOT}/{check_study(name)}/study.json"):
            raise _taken(name)

    @classmethod
    def open(cls, storage: Storage, name: str) -> Record:
        key = f"{ROOT}/{check_study(name)}/study.json"
        try:
            plan = _read(storage, key, StudyPlan.from_json)
        except FileNotFoundError as error:
            known = names(storage)
            near = get_close_matches(name, known, n=1)
            listed = f"there are {', '.join(known)}" if known else "begin one: invplat tune WORKLOAD"
            raise SettingRefused(
                f"there is no study {name}", hint=f"did you mean {near[0]}? {listed}" if near else listed
            ) from error
        return cls(storage, plan)

    @property
    def leader(self) -> Sign | None:
        """Who leads the study, or led it last."""
        return sign_of(self.storage, f"{self.prefix}/drivers")

    @contextmanager
    def leading(self) -> Iterator[None]:
        """While this process leads the study; refused while another does."""
        with leading(self.storage, f"{self.prefix}/drivers", self.plan.name) as self._leader:
            yield

    def asked(self, pack: Pack) -> None:
        """Before it runs; the same pack may be asked for again, another of its number may not."""
        self._check()
        key, data = self._pack(pack.number, "asked"), _bytes(pack.to_json())
        if not self.storage.create(key, data) and self.storage.read(key) != data:
            raise Conflict(
                f"another process has asked for pack {pack.number} of study {self.plan.name}",
                hint=f"let one finish; then --resume {self.plan.name}",
            )

    def done(self, pack: Pack, finished: Sequence[Finished]) -> None:
        """After it ran: from here on its trials count."""
        self._check()
        self.storage.write(self._pack(pack.number, "done"), _bytes([trial.to_json() for trial in finished]))

    def asked_packs(self) -> list[Pack]:
        """All that were ever asked for, in order."""
        return self._all("asked", Pack.from_json)

    def finished(self) -> list[Finished]:
        """In order of number."""
        packs = self._all("done", lambda raw: [Finished.from_json(trial) for trial in raw])
        return sorted((trial for pack in packs for trial in pack), key=lambda trial: trial.number)

    def table(self) -> pa.Table:
        """A row a trial that has ended."""
        from invplat.tune.table import table_of

        return table_of(self.plan, self.finished())

    def write_table(self) -> str:
        """The table beside the rest; its key."""
        import pyarrow.parquet as pq

        stream, key = io.BytesIO(), f"{self.prefix}/trials.parquet"
        pq.write_table(self.table(), stream)
        self.storage.write(key, stream.getvalue())
        return key

    def _check(self) -> None:
        if self._leader is not None:
            self._leader.check()

    def _pack(self, number: int, part: str) -> str:
        return f"{self.prefix}/packs/{number:06d}.{part}.json"

    def _all(self, part: str, read: Callable[[Any], T]) -> list[T]:
        there = [name for name in self.storage.names(f"{self.prefix}/packs") if name.endswith(f".{part}.json")]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda name: _read(self.storage, f"{self.prefix}/packs/{name}", read), there))


def names(storage: Storage) -> list[str]:
    """Of the studies that were begun."""
    return [name for name in storage.names(ROOT) if storage.exists(f"{ROOT}/{name}/study.json")]


def _taken(name: str) -> Conflict:
    return Conflict(
        f"there is a study {name} already", hint=f"go on with it: --resume {name}, or choose another --name"
    )


def _bytes(content: Any) -> bytes:
    return json.dumps(content, allow_nan=False).encode()


def _read(storage: Storage, key: str, read: Callable[[Any], T]) -> T:
    data = storage.read(key)
    try:
        return read(json.loads(data))
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{key} is damaged: {type(error).__name__}: {error}",
            hint="remove that file to try its trials again" if "/packs/" in key else "begin another study",
        ) from error
