"""JSON Schemas as providers want them who hold their model to one: of the few keywords that all of them understand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

_KEPT = ("type", "description", "enum", "const")
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


@cache
def shape(wanted: type[Any], indent: int | None = None) -> str:
    """The whole schema of a type, with its limits, for models to read and for those who hold nobody to it."""
    return json.dumps(msgspec.json.schema(wanted), indent=indent)


@cache
def strict(wanted: type[Any]) -> str:
    """The schema of a type that does not hold itself: no references, every field required and no other allowed, no defaults, and no
    limits of length or value, which who reads the answer must look after."""
    schema = msgspec.json.schema(wanted)
    return json.dumps(_strict(schema, schema.get("$defs", {})))


def _strict(schema: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _strict(named[schema["$ref"].rpartition("/")[2]], named)
    made = {key: schema[key] for key in _KEPT if key in schema}
    for values in (schema.get("enum"), [schema["const"]] if "const" in schema else None):
        if values and "type" not in made:  # some will not have a schema without one
            [made["type"]] = {_TYPES[type(value)] for value in values}
    if "anyOf" in schema:
        made["anyOf"] = [_strict(each, named) for each in schema["anyOf"]]
    if "items" in schema:
        made["items"] = _strict(schema["items"], named)
    if "properties" in schema:
        made["properties"] = {name: _strict(each, named) for name, each in schema["properties"].items()}
        made |= {"required": list(schema["properties"]), "additionalProperties": False}
    if "description" in made:
        made["description"] = " ".join(made["description"].split())
    return made
