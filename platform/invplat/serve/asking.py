"""From a request's bytes to what it asks: JSON, or Arrow with a row a series and the rest beside it as `?ask=JSON`."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
import pyarrow as pa
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from invplat.serve.problems import Refused

ARROW = "application/vnd.apache.arrow.stream"
T = TypeVar("T", bound=BaseModel)


async def asked_of(request: Request, kind: type[T], rows: str = "series") -> T:
    """`rows`: the field that a table's rows stand for."""
    body = await request.body()
    sent = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    try:
        if sent == ARROW:
            beside = request.query_params.get("ask")
            content = orjson.loads(beside) if beside else {}
            if not isinstance(content, dict):
                raise Refused(422, "ask: a JSON object is expected", hint='write ?ask={"horizon":14}')
            content[rows] = rows_of(body)
            return kind.model_validate(content)
        if sent != "application/json":
            raise Refused(415, f"a body of type {sent!r}", hint=f"send application/json or {ARROW}")
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from None
    except orjson.JSONDecodeError as error:
        raise Refused(422, f"ask: not JSON: {error}") from None


def rows_of(body: bytes) -> list[dict[str, Any]]:
    """Of a table in Arrow's stream format; empty cells say nothing."""
    try:
        with pa.ipc.open_stream(body) as reader:
            table = reader.read_all()
            table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise Refused(
            422, f"the body is no Arrow stream: {str(error).splitlines()[0]}", hint="write it with an IPC stream writer"
        ) from None
    lacking = [name for name in ("store", "sku") if name not in table.column_names]
    if lacking:
        raise Refused(422, f"the table has no column {lacking[0]!r}", hint="store and sku name a series")
    return [{name: value for name, value in row.items() if value is not None} for row in table.to_pylist()]


def wants_arrow(request: Request) -> bool:
    return ARROW in request.headers.get("accept", "")
