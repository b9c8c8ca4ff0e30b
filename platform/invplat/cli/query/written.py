"""An answer as a file, whole or not at all. Knows nothing of what its columns mean."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invplat.cli.output import Output
from invplat.core.files import write_whole

if TYPE_CHECKING:
    import pyarrow as pa


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    sink = StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return write_whole(path, sink.getvalue().encode("utf-8", "surrogatepass"))


def write_arrow(path: Path, table: pa.Table) -> Path:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return write_whole(path, sink.getvalue().to_pybytes())


def tell(output: Output, path: Path, rows: int) -> None:
    from invplat.core.page.wording import plural

    output.note(f"{plural(rows, 'row')} in {path}")


def _cell(cell: Any) -> Any:
    return "; ".join(map(str, cell)) if isinstance(cell, list | tuple) else cell
