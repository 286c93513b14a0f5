"""Reads bodies and query strings strictly, and names everything that is wrong with them at once."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct, inspect
from msgspec.structs import fields

from service.http.checks import Checks
from service.http.wording import explain, parts, within
from service.kernel.errors import FieldError, Invalid, Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.http.checks import Path
    from service.kernel.errors import Refusal

S = TypeVar("S", bound=Struct)

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 32
# More parameters than any route has; a flood of them is not worth parsing.
MAX_PARAMETERS = 100
# More unknown names than this are not listed: the answer would be a hundred times what was sent.
MAX_UNKNOWN = 100

# Possessive, and content with a string that never ends: a pattern that goes back over 1 MiB of quotes runs for hours.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))

# How an instant begins; msgspec's lenient reading also takes seconds since 1970.
_DATE = re.compile(r"\d{4}-", re.ASCII)
# What msgspec's messages name: the way to a value (`.lines[2].text`), and a field.
_STEP = re.compile(r"\.([^.\[`]+)|\[(\d+|\.\.\.)\]")
_MEMBER = re.compile(r"(?:required|unknown) field `(.*)`")


class Model(Generic[S]):
    """A Struct as the schema of a body or a query string, with the checks that the types of its fields carry."""

    def __init__(self, struct: type[S], *, in_: str = "body") -> None:
        if not struct.__struct_config__.forbid_unknown_fields:
            message = f"{struct.__name__} would drop what it doesn't know: set forbid_unknown_fields"
            raise TypeError(message)
        self.struct = struct
        self._in = in_
        self._noun = "field" if in_ == "body" else "parameter"
        self._decoder = msgspec.json.Decoder(struct)
        self._fields = {field.encode_name: field for field in fields(struct)}
        self._checks = Checks(struct)
        self._instants = {name for name, field in self._fields.items() if _holds(field.type, inspect.DateTimeType)}
        self._texts = {name for name, field in self._fields.items() if _holds(field.type, inspect.StrType)}

    def from_json(self, body: bytes) -> S:
        """The body as a Struct.

        Raises:
            Malformed: the bytes are no JSON, or nested too deeply.
            Invalid: every field that is wrong, missing or unknown.
        """
        if not body:
            if not self._fields:
                return self.struct()
            message = "The body is empty: send a JSON object."
            raise Malformed(message)
        _refuse_depth(body)
        try:
            if not body.isascii():
                body.decode()
            value = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise self._refusal(body, error) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(_unreadable(error)) from error
        if errors := self._check(value):
            raise Invalid(*errors)
        self._checks.in_utc(value)
        return value

    def from_query(self, query: bytes) -> S:
        """The query string as a Struct.

        Raises:
            Malformed: the bytes are no UTF-8, or hold too many parameters.
            Invalid: every parameter that is wrong, unknown or given twice.
        """
        values: dict[str, str] = {}
        errors = []
        for name, value in _pairs(query) if query else ():
            if name in values:
                errors.append(FieldError(self._in, pointer(name), "duplicate", "Give this parameter once."))
            elif (misread := self._misread(name, value)) is not None:
                errors.append(misread)
            values[name] = value
        try:
            struct = msgspec.convert(values, self.struct, strict=False)
        except msgspec.ValidationError as error:
            raise _once([*self._errors(values, strict=False, first=error), *errors]) from error
        errors = [*self._check(struct), *errors]
        if errors:
            raise _once(errors)
        self._checks.in_utc(struct)
        return struct

    def _misread(self, name: str, text: str) -> FieldError | None:
        # Text must be read leniently ("5" as 5), but then msgspec also takes a number for an instant and `null` for nothing.
        if name in self._instants and not _DATE.match(text):
            return FieldError(self._in, pointer(name), "wrong_format", "Send an RFC 3339 instant, such as 2026-05-01T12:00:00Z.")
        if name not in self._texts and text.lower() == "null":
            return FieldError(self._in, pointer(name), "wrong_type", "There is no null here: leave the parameter out.")
        return None

    def _refusal(self, body: bytes, first: msgspec.ValidationError) -> Refusal:
        # A field that is wrong may stand before bytes that are no JSON at all; those come first.
        try:
            values = msgspec.json.decode(body)
        except msgspec.ValidationError:
            # A number that no type holds.
            return Invalid(self._field_error("", first))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Malformed(_unreadable(error))
        return Invalid(*self._errors(values, strict=True, first=first))

    def _check(self, value: S) -> list[FieldError]:
        return self._not_allowed(self._checks.wrong(value))

    def _not_allowed(self, wrong: Iterable[tuple[Path, str]]) -> list[FieldError]:
        return [FieldError(self._in, pointer(*path), "not_allowed", message) for path, message in wrong]

    def _errors(self, values: Any, *, strict: bool, first: msgspec.ValidationError) -> list[FieldError]:
        if not isinstance(values, dict):
            return [FieldError(self._in, "", "wrong_type", "Send a JSON object.")]
        known = ", ".join(sorted(self._fields)) or "none"
        unknown = (name for name in values if name not in self._fields)
        errors = [
            FieldError(self._in, pointer(name), "unknown", f"There is no such {self._noun}; known: {known}.")
            for name in islice(unknown, MAX_UNKNOWN)
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
                errors += self._not_allowed(self._checks.wrong_field(name, value))
        return errors or [self._field_error("", first)]

    def _field_error(self, name: str, error: msgspec.ValidationError) -> FieldError:
        message, _, place = str(error).partition(" - at `$")
        steps = [next(filter(None, step)) for step in _STEP.findall(place)]
        type_ = within(self._fields[name].type, steps) if name else None
        code, sentence = explain(message, type_, in_query=self._in == "query")
        # msgspec doesn't say which member of a map it means.
        path = [name] if name else []
        path += [step for step in steps if step != "..."]
        if member := _MEMBER.search(message):
            # What a nested object lacks, or should not have, is pointed at like a field of the body.
            path.append(member[1])
        return FieldError(self._in, pointer(*path), code, sentence)


def pointer(*path: str | int) -> str:
    """The RFC 6901 pointer to what stands where the names and indexes lead."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _once(errors: list[FieldError]) -> Invalid:
    # What was said of a parameter last says it best.
    return Invalid(*{error.pointer: error for error in errors}.values())


def _holds(type_: Any, kind: type[inspect.Type]) -> bool:
    return any(isinstance(part, kind) for part in parts(type_))


def _refuse_depth(body: bytes) -> None:
    # msgspec recurses in C: some 1 500 levels end in RecursionError. Few brackets can't be deep, so most bodies skip the scan.
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    brackets = _STRINGS.sub(b"", body).translate(_AS_SQUARE, _NO_BRACKETS)
    # Each round takes the innermost level away.
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        message = f"The body is nested deeper than {MAX_DEPTH} levels, or its brackets don't match."
        raise Malformed(message)


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
