"""Owns what an agent's OpenAPI description has beside its routes: definitions that schemas refer to, and refusals."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "Not JSON, or a header that is none."},
    401: {"description": "No token, or a wrong one."},
    404: {"description": "Another agent's."},
    500: {"description": "The agent raised."},
    503: {"description": "The process is draining."},
    504: {"description": "Not done within the deadline."},
}


def hoist(schema: Any, name: str, into: dict[str, Any]) -> Any:
    """A JSON Schema as part of a larger document: its `$defs` go to `into`, and its references follow them."""
    if isinstance(schema, list):
        return [hoist(each, name, into) for each in schema]
    if not isinstance(schema, dict):
        return schema
    for key, definition in schema.get("$defs", {}).items():
        into[f"{name}_{key}"] = hoist(definition, name, into)
    prefix = "#/$defs/"
    return {
        key: f"#/components/schemas/{name}_{value.removeprefix(prefix)}"
        if key == "$ref" and isinstance(value, str) and value.startswith(prefix)
        else hoist(value, name, into)
        for key, value in schema.items()
        if key != "$defs"
    }


def add_schemas(api: FastAPI, schemas: dict[str, Any]) -> None:
    """Puts schemas into the components of a description."""
    described = api.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
        return document

    api.openapi = openapi  # type: ignore[method-assign]
