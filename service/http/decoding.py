"""Reads bodies and query strings strictly, and names everything that is wrong with them at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct, inspect
from msgspec.structs import fields

from service.kernel.errors import FieldError, Invalid, Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

S = TypeVar("S", bound=Struct)

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 32
# More parameters than any route has; a flood of them is not worth parsing.
MAX_PARAMETERS = 100

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)

# What msgspec says, as stable slugs.
_CODES = (
    ("of length >=", "too_short"),
    ("of length <=", "too_long"),
    ("` >= ", "too_small"),
    ("` <= ", "too_large"),
    ("out of range", "out_of_range"),
    ("Invalid enum value", "not_allowed"),
    ("timezone component", "offset_missing"),
    ("Invalid", "wrong_format"),
    ("matching regex", "wrong_format"),
    ("Expected", "wrong_type"),
)


class Model(Generic[S]):
    """A Struct as the schema of a body or a query string, with the checks that its fields' types carry.

    A field's `Meta(extra={"check": f})` names a function that returns what is wrong with a value, or None.
    """

    def __init__(self, struct: type[S], *, in_: str = "body") -> None:
        if not struct.__struct_config__.forbid_unknown_fields:
            message = f"{struct.__name__} would drop what it doesn't know: set forbid_unknown_fields"
            raise TypeError(message)
        self.struct = struct
        self._in = in_
        self._noun = "field" if in_ == "body" else "parameter"
        self._decoder = msgspec.json.Decoder(struct)
        self._fields = {field.encode_name: field for field in fields(struct)}
        self._checks = [(name, field.name, check) for name, field in self._fields.items() for check in _checks(field.type)]

    def from_json(self, body: bytes) -> S:
        """The body as a Struct.

        Raises:
            Malformed: the bytes are no JSON, or nested too deeply.
            Invalid: every field that is wrong, missing or unknown.
        """
        if not body:
            if not any(field.required for field in self._fields.values()):
                return self.struct()
            message = "The body is empty: send a JSON object."
            raise Malformed(message)
        _refuse_depth(body)
        try:
            if not body.isascii():
                body.decode()
            value = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise Invalid(*self._errors(_plain(body), strict=True, first=error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(_unreadable(error)) from error
        if errors := self._check(value):
            raise Invalid(*errors)
        return value

    def from_query(self, query: bytes) -> S:
        """The query string as a Struct.

        Raises:
            Malformed: the bytes are no UTF-8, or hold too many parameters.
            Invalid: every parameter that is wrong, unknown or given twice.
        """
        values: dict[str, Any] = {}
        errors = []
        if query:
            for name, value in _pairs(query):
                if name in values:
                    errors.append(FieldError(self._in, f"/{name}", "duplicate", "Give this parameter once."))
                values[name] = value
        if not errors:
            try:
                struct = msgspec.convert(values, self.struct, strict=False)
            except msgspec.ValidationError as error:
                errors = self._errors(values, strict=False, first=error)
            else:
                errors = self._check(struct)
                if not errors:
                    return struct
        raise Invalid(*errors)

    def _check(self, value: S) -> list[FieldError]:
        errors = []
        for name, attribute, check in self._checks:
            given = getattr(value, attribute)
            if given is None or given is msgspec.UNSET:
                continue
            message = check(given)
            if message is not None:
                errors.append(FieldError(self._in, f"/{name}", "not_allowed", message))
        return errors

    def _errors(self, values: Any, *, strict: bool, first: msgspec.ValidationError) -> list[FieldError]:
        if not isinstance(values, dict):
            return [FieldError(self._in, "", "wrong_type", "Send a JSON object.")]
        known = ", ".join(sorted(self._fields)) or "none"
        errors = [
            FieldError(self._in, pointer(name), "unknown", f"There is no such {self._noun}; known: {known}.")
            for name in values
            if name not in self._fields
        ]
        for name, field in self._fields.items():
            if name not in values:
                if field.required:
                    errors.append(FieldError(self._in, pointer(name), "missing", f"This {self._noun} is required."))
                continue
            try:
                value = msgspec.convert(values[name], field.type, strict=strict)
            except msgspec.ValidationError as error:
                errors.append(self._field_error(name, error))
            else:
                errors += self._check_one(name, value)
        return errors or [self._field_error("", first)]

    def _check_one(self, name: str, value: Any) -> list[FieldError]:
        messages = [check(value) for named, _, check in self._checks if named == name and value is not None]
        return [FieldError(self._in, pointer(name), "not_allowed", message) for message in messages if message]

    def _field_error(self, name: str, error: msgspec.ValidationError) -> FieldError:
        message, _, place = str(error).partition(" - at `$")
        inner = re.sub(r"\.|\[", "/", place.rstrip("`")).replace("]", "").replace("/...", "")
        code = next((code for part, code in _CODES if part in message), "not_allowed")
        return FieldError(self._in, (pointer(name) if name else "") + inner, code, message.rstrip(".") + ".")


def pointer(name: str) -> str:
    """The RFC 6901 pointer to a top-level member."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _checks(type_: Any) -> list[Callable[[Any], str | None]]:
    found: list[Callable[[Any], str | None]] = []
    information: Any = inspect.type_info(type_)
    pending = [information]
    while pending:
        part = pending.pop()
        if isinstance(part, inspect.Metadata):
            if part.extra and "check" in part.extra:
                found.append(part.extra["check"])
            pending.append(part.type)
        elif isinstance(part, inspect.UnionType):
            pending += part.types
    return found


def _refuse_depth(body: bytes) -> None:
    # msgspec recurses in C: some 1 500 levels end in RecursionError. Few brackets can't be deep, so most bodies skip the scan.
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _TOKENS.finditer(body):
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                message = f"The body is nested deeper than {MAX_DEPTH} levels."
                raise Malformed(message)
        elif token in (b"]", b"}"):
            depth -= 1


def _plain(body: bytes) -> Any:
    # A field that is wrong may stand before bytes that are no JSON at all; those come first.
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(_unreadable(error)) from error


def _unreadable(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "The body is not UTF-8."
    reason = str(error)
    if "truncated" in reason:
        return "The body is no complete JSON: it ends too early, or holds a lone surrogate."
    return f"The body is no JSON: {reason.removeprefix('JSON is malformed: ')}."


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=False, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except UnicodeDecodeError as error:
        message = "The query string is not percent-encoded UTF-8."
        raise Malformed(message) from error
    except ValueError as error:
        message = f"The query string has more than {MAX_PARAMETERS} parameters."
        raise Malformed(message) from error


class NoBody(Struct, forbid_unknown_fields=True):
    """The body of a request that has nothing to say: none at all, or {}."""


def given(patch: Struct) -> dict[str, Any]:
    """The fields that a merge patch holds: absent ones are not among them, null ones are None."""
    values = ((name, getattr(patch, name)) for name in patch.__struct_fields__)
    return {name: value for name, value in values if value is not msgspec.UNSET}
