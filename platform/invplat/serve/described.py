"""The OpenAPI document: whatever a route says of itself, and the answers that every route can give besides.

So a route that says nothing of errors is described no worse than one that does.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from invplat.serve.problems import KIND
from invplat.serve.schemas import Problem

ANYBODY = (401, 403, 404, 422, 429, 503)  # whoever asks under /v1
BRINGING = (400, 408, 409, 413, 415)  # whoever sends something
BODIED = ("post", "put", "patch", "delete")
SAID = {
    400: "Not HTTP as it should be",
    401: "No key, or one that opens nothing",
    403: "Not of this business, or not within the key's scopes",
    404: "Not there; `near` has names like it",
    408: "The body did not come in time",
    409: "Something else is so, or was first",
    413: "The body is too large",
    415: "A body of this kind is not read",
    422: "Not understood, or not possible; `errors` names the fields",
    429: "Too much is asked; `Retry-After` says when to ask again",
    503: "Something that is needed does not answer; `Retry-After` says when to ask again",
}


def describe(app: FastAPI) -> None:
    """From now on `app.openapi()` is complete. It is made when it is first asked for."""
    plain = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = completed(plain())
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]


BODIES: dict[str, type[BaseModel]] = {}  # of routes that read their bodies themselves


def body(model: type[BaseModel], example: dict[str, Any], tables: bool = True) -> dict[str, Any]:
    """For a route's `openapi_extra`: what it reads, as JSON or as Arrow's stream."""
    BODIES[model.__name__] = model
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content: dict[str, Any] = {"application/json": {"schema": schema, "example": example}}
    if tables:
        content["application/vnd.apache.arrow.stream"] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"content": content}}


def completed(document: dict[str, Any]) -> dict[str, Any]:
    parts = document.setdefault("components", {})
    shapes = parts.setdefault("schemas", {})
    shapes["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for model in BODIES.values():
        shape = model.model_json_schema(ref_template="#/components/schemas/{model}")
        shapes |= shape.pop("$defs", {})
        shapes[model.__name__] = shape
    for unused in ("HTTPValidationError", "ValidationError"):
        shapes.pop(unused, None)
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "A key of invplat."}}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            if not isinstance(told, dict) or "responses" not in told:
                continue
            answers = told["responses"]
            inside = path.startswith("/v1")
            if inside:
                told["security"] = [{"key": []}]
                for status in (*ANYBODY, *(BRINGING if method in BODIED else ())):
                    answers.setdefault(str(status), {})
            for status, answer in answers.items():
                if status.isdigit() and int(status) >= 400 and (inside or not answer.get("content")):
                    answers[status] = _problem(int(status), answer)
    return document


def _problem(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    known = answer.get("description")
    usual = known in (None, "", HTTPStatus(status).phrase, "Validation Error")
    content = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        **{name: value for name, value in answer.items() if name != "content"},
        "description": SAID.get(status, HTTPStatus(status).phrase) if usual else known,
        "content": {KIND: content},
    }
