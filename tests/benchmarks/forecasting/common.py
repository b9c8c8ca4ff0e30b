"""What the forecast benchmarks share: where the data is, our workload if it is installed, and the last line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from invplat.workload import Workload

ROOT = Path(__file__).parents[3]


def data_file(name: str) -> Path:
    """A file of the benchmark data; where it is missing, says what to do and ends with code 2."""
    folder = Path(os.environ.get("INVPLAT_BENCH_DATA") or ROOT.parent / "shared" / "data")
    path = folder / name
    if not path.exists():
        print(
            f"{path} is not there: set INVPLAT_BENCH_DATA to the folder that holds {name}; "
            "the data is not ours to pass on, so the project does not contain it",
            file=sys.stderr,
        )
        raise SystemExit(2)
    return path


def our_workload(name: str = "mlp") -> Workload | None:
    from invplat.core.errors import SettingRefused
    from invplat.workload import find

    try:
        return find(name)
    except SettingRefused as error:
        print(f"ours is missing: {error}", file=sys.stderr)
        return None


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {name: rounded(one) for name, one in value.items()}
    return value


def last_line(name: str, *, ours: Any, peers: Any, target: Any, met: bool, reproduced: Any) -> None:
    whole = {"name": name, "ours": ours, "peers": peers, "target": target, "met": met, "reproduced": reproduced}
    print(json.dumps(rounded(whole)))
