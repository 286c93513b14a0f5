"""The schemas of what is sent and answered: closed objects under short names, made from our Structs by msgspec."""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import Struct, inspect

from service.http.paging import Page

REF = "#/components/schemas/"


class Components:
    """The schemas that have been referred to, by name."""

    def __init__(self) -> None:
        self.schemas: dict[str, dict[str, Any]] = {}

    def refer(self, type_: Any) -> dict[str, Any]:
        """A schema that refers to this Struct, this page of Structs or these Structs."""
        if get_origin(type_) in {Union, types.UnionType}:
            return {"oneOf": [self.refer(member) for member in get_args(type_)]}
        if get_origin(type_) is Page:
            return self._page(*get_args(type_))
        (schema,), found = msgspec.json.schema_components([type_], ref_template=REF + "{name}")
        known = structs(type_)
        for name, component in found.items():
            self.schemas[name] = normal(component if name not in known else _closed(component, known[name]))
        return schema

    def body(self, struct: type[Struct]) -> dict[str, Any]:
        """A schema that refers to what a request sends."""
        schema = self.refer(struct)
        for name in structs(struct):
            properties = self.schemas[name]["properties"]
            properties.update({field: _default_in_words(value) for field, value in properties.items()})
        return schema

    def query(self, struct: type[Struct]) -> list[dict[str, Any]]:
        """The parameters of a query string."""
        name = self.refer(struct)["$ref"].removeprefix(REF)
        parameters = []
        for parameter, schema in self.schemas.pop(name)["properties"].items():
            # Text has no null: a parameter is given or left out.
            value = without_null(schema)
            described = {"description": value.pop("description")} if "description" in value else {}
            parameters.append({"name": parameter, "in": "query", "required": False, **described, "schema": value})
        return parameters

    def _page(self, of: Any) -> dict[str, Any]:
        items = self.refer(of)
        first = items.get("oneOf", [items])[0]["$ref"].removeprefix(REF)
        name = f"{first}Page"
        (_,), found = msgspec.json.schema_components([Page], ref_template=REF + "{name}")
        page = normal(_closed(found[Page.__name__], Page))
        page["title"] = name
        page["properties"]["items"]["items"] = items
        self.schemas[name] = page
        return {"$ref": REF + name}


def structs(type_: Any) -> dict[str, type[Struct]]:
    """The Structs that a type is made of, itself included, by name."""
    found: dict[str, type[Struct]] = {}
    waiting: list[Any] = [inspect.type_info(type_)]
    while waiting:
        info = waiting.pop()
        if isinstance(info, inspect.StructType):
            if info.cls.__name__ in found:
                continue
            found[info.cls.__name__] = info.cls
            waiting += [field.type for field in info.fields]
        for part in ("type", "types", "item_type", "item_types", "key_type", "value_type"):
            inner = getattr(info, part, ())
            waiting += inner if isinstance(inner, tuple) else [inner]
    return found


def _closed(schema: dict[str, Any], struct: type[Struct]) -> dict[str, Any]:
    closed = {**schema, "additionalProperties": False}
    if not struct.__struct_config__.forbid_unknown_fields:
        closed["properties"] = {name: _without_default(property_) for name, property_ in schema["properties"].items()}
        for field in inspect.type_info(struct).fields:  # type: ignore[attr-defined]
            _say_instant(closed["properties"][field.encode_name], field.type)
        # What is sent may leave out what has a default; an answer holds every field, whether it has one or not.
        closed["required"] = [field.encode_name for field in msgspec.structs.fields(struct) if _is_answered(field, struct)]
    if not closed["required"]:
        del closed["required"]
    return closed


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "default"}


def _default_in_words(schema: dict[str, Any]) -> dict[str, Any]:
    # Generators of clients take a field with a default for one that is always there: told in words it stays optional.
    bare = _without_default(schema)
    if schema.get("default") is not None:
        bare["description"] = f"{schema.get('description', '')} Without it: {schema['default']}.".strip()
    return bare


def _say_instant(schema: dict[str, Any], info: inspect.Type) -> None:
    # msgspec gives only datetimes of a declared zone their format; ours are in UTC without saying so in the type.
    kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
    if any(isinstance(kind, inspect.DateTimeType) for kind in kinds):
        text = next((option for option in schema.get("anyOf", ()) if option["type"] == "string"), schema)
        text["format"] = "date-time"


def _is_answered(field: msgspec.structs.FieldInfo, struct: type[Struct]) -> bool:
    return field.required or (field.default is not msgspec.UNSET and not struct.__struct_config__.omit_defaults)


def normal(schema: Any) -> Any:
    """The schema as generators of clients read it best: null as a second type, a type beside every enum."""
    if isinstance(schema, list):
        return [normal(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: normal(value) for key, value in schema.items()}
    if "enum" in tidy and "type" not in tidy and all(isinstance(value, str) for value in tidy["enum"]):
        tidy["type"] = "string"
    options = tidy.get("anyOf", ())
    if len(options) == 2 and options[1] == {"type": "null"} and isinstance(options[0].get("type"), str):
        del tidy["anyOf"]
        nullable = options[0]
        nullable["type"] = [nullable["type"], "null"]
        if "enum" in nullable:
            nullable["enum"] = [*nullable["enum"], None]
        tidy = {**nullable, **tidy}
    return tidy


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of the values other than null."""
    value = dict(schema)
    if value.get("default", ...) is None:
        del value["default"]
    if isinstance(value.get("type"), list):
        value["type"] = value["type"][0]
        if "enum" in value:
            value["enum"] = [member for member in value["enum"] if member is not None]
    options = [option for option in value.pop("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        return {**options[0], **value}
    return {**value, "anyOf": options} if options else value
