"""Which params a model is trained with: written on the command line or in a file, or the best of a study."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invplat.core.errors import SettingRefused

if TYPE_CHECKING:
    from invplat.storage import Storage
    from invplat.workload import Workload

FILES = (".json", ".toml")


def params_given(entries: Sequence[str]) -> dict[str, Any]:
    """`--params` once or several times: names with values, or a file of them; what comes later counts."""
    from invplat.cli.judged import params_of

    found: dict[str, Any] = {}
    for entry in entries:
        found |= read_params(Path(entry)) if entry.endswith(FILES) and "=" not in entry else params_of([entry])
    return found


def read_params(path: Path) -> dict[str, Any]:
    """A JSON object or a TOML table of params by name."""
    try:
        text = path.read_text()
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise SettingRefused(
            f"--params {path}: {error.strerror}", hint="name a file of params, or write --params name=value"
        ) from error
    except ValueError as error:
        raise SettingRefused(
            f"--params {path} can't be read: {error}", hint="write for example batch_size = 64"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(one, bool | int | float | str) for one in found.values()):
        raise SettingRefused(
            f"--params {path} holds more than names with values", hint="write for example batch_size = 64"
        )
    return found


def from_study(storage: Storage, name: str, workload: Workload) -> tuple[dict[str, Any], Mapping[str, Any], str]:
    """The best trial's params, what the study was asked with (past, horizon, …), and a sentence about both. How many
    windows its trials learnt from is left out: that was to save time."""
    from invplat.tune.record import Record
    from invplat.tune.study import Study, params_text

    record = Record.open(storage, name)
    plan = record.plan
    if plan.workload != workload.name:
        raise SettingRefused(
            f"study {name} is of {plan.workload}, not of {workload.name}",
            hint=f"write: invplat train {plan.workload} --from {name}",
        )
    best = Study.of(plan, record.finished()).best
    if best is None:
        raise SettingRefused(
            f"study {name} has no trial with a value yet",
            hint=f"go on with it: invplat tune {plan.workload} --resume {name}",
        )
    spec = {key: tuple(value) if isinstance(value, list) else value for key, value in plan.spec.items()}
    spec.pop("most", None)
    return dict(best.params), spec, f"trial {best.number} of study {name}: {params_text(best.params)}"
