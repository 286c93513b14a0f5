"""Reading bodies and query strings: what passes, and what is said of what does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

from service.http.decoding import MAX_BODY_BYTES, MAX_DEPTH, MAX_UNKNOWN, Model, NoBody, given, pointer
from service.kernel.errors import Invalid, Malformed
from service.kernel.text import Instant, one_line


class Line(Struct, forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1)]
    amount: Annotated[int, Meta(ge=1)] = 1


class Order(Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    name: Annotated[str, Meta(min_length=1, extra={"check": one_line})]
    from_: Annotated[str, Meta(extra={"check": one_line})] | None = None
    lines: list[Line] = []
    by_place: dict[str, Line] = {}
    code: Annotated[str, Meta(pattern="^[A-Z]+$")] | UnsetType = UNSET
    prefix: Annotated[str, Meta(pattern="^[A-Z]")] | None = None


class Search(Struct, forbid_unknown_fields=True):
    text: str | None = None
    amount: int | None = None
    share: float | None = None
    since: Instant | None = None
    exact: bool = False
    kind: Literal["a", "b"] | None = None


ORDER = Model(Order)
SEARCH = Model(Search, in_="query")


def wrong(body: bytes) -> dict[str, str]:
    """Pointer and code of everything that is wrong with an order."""
    with pytest.raises(Invalid) as caught:
        ORDER.from_json(body)
    assert all(error.in_ == "body" and error.message.endswith(".") for error in caught.value.errors)
    return {error.pointer: error.code for error in caught.value.errors}


def misasked(query: bytes) -> dict[str, str]:
    """Pointer and code of everything that is wrong with a query string."""
    with pytest.raises(Invalid) as caught:
        SEARCH.from_query(query)
    assert all(error.in_ == "query" for error in caught.value.errors)
    assert len({error.pointer for error in caught.value.errors}) == len(caught.value.errors)
    return {error.pointer: error.code for error in caught.value.errors}


def test_a_struct_that_drops_what_it_does_not_know_is_no_schema() -> None:
    class Careless(Struct):
        name: str

    with pytest.raises(TypeError, match="set forbid_unknown_fields"):
        Model(Careless)


def test_a_good_body_becomes_its_struct() -> None:
    order = ORDER.from_json('{"name":"Büro 🗄","from":null,"lines":[{"text":"x"}],"code":"AB"}'.encode())
    assert order == Order(name="Büro 🗄", lines=[Line("x")], code="AB")


def test_no_body_is_an_empty_object_only_where_there_is_nothing_to_say() -> None:
    class Patch(Struct, forbid_unknown_fields=True):
        title: str | UnsetType = UNSET

    assert Model(NoBody).from_json(b"") == Model(NoBody).from_json(b"{}") == NoBody()
    for model in (ORDER, Model(Patch)):
        with pytest.raises(Malformed, match="The body is empty"):
            model.from_json(b"")


def test_a_field_goes_by_its_name_on_the_wire() -> None:
    assert wrong(rb'{"name":"a\nb","from":"\u0000"}') == {"/name": "not_allowed", "/from": "not_allowed"}
    assert wrong(rb'{"name":1,"from":"\u0000"}') == {"/name": "wrong_type", "/from": "not_allowed"}
    assert wrong(b'{"name":"x","from_":"y"}') == {"/from_": "unknown"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"name":"x","lines":[{"text":"x"},{"text":""}]}', {"/lines/1/text": "too_short"}),
        (b'{"name":"x","lines":[{"text":"x","amount":0}]}', {"/lines/0/amount": "too_small"}),
        (b'{"name":"x","lines":[{}]}', {"/lines/0/text": "missing"}),
        (b'{"name":"x","lines":[{"text":"x","colo/r":1}]}', {"/lines/0/colo~1r": "unknown"}),
        (b'{"name":"x","lines":[1]}', {"/lines/0": "wrong_type"}),
        (b'{"name":"x","by_place":{"a":{"text":1}}}', {"/by_place/text": "wrong_type"}),
        (b'{"lines":[1]}', {"/name": "missing", "/lines/0": "wrong_type"}),
    ],
)
def test_inside_a_field_the_first_mistake_is_pointed_at(body: bytes, expected: dict[str, str]) -> None:
    assert wrong(body) == expected


def test_a_pattern_with_an_end_refuses_a_line_break_after_it() -> None:
    assert wrong(rb'{"name":"x","code":"AB\n"}') == {"/code": "not_allowed"}
    assert wrong(b'{"name":"x","code":"ab"}') == {"/code": "wrong_format"}
    assert ORDER.from_json(rb'{"name":"x","prefix":"A\n"}').prefix == "A\n"


def test_of_a_flood_of_unknown_names_the_first_hundred_are_told() -> None:
    body = ",".join(f'"x{number}":1' for number in range(10 * MAX_UNKNOWN))
    found = wrong(f"{{{body}}}".encode())
    assert len(found) == MAX_UNKNOWN + 1
    assert found["/name"] == "missing"


def test_as_deep_as_allowed_is_read() -> None:
    nested = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    assert wrong(b'{"name":"x","y":' + nested + b"}") == {"/y": "unknown"}
    with pytest.raises(Malformed, match="deeper than 32"):
        ORDER.from_json(b'{"name":"x","y":[' + nested + b"]}")


@pytest.mark.parametrize("text", ["[" * 100, "]" * 100, '\\"' + "[" * 100, "\\\\" + "{" * 100, "{[" * 50])
def test_brackets_in_a_string_are_text(text: str) -> None:
    assert len(ORDER.from_json(f'{{"name":"{text}"}}'.encode()).name) > MAX_DEPTH


def test_many_brackets_side_by_side_are_not_deep() -> None:
    lines = b",".join([b'{"text":"x"}'] * 1000)
    assert len(ORDER.from_json(b'{"name":"x","lines":[' + lines + b"]}").lines) == 1000


@pytest.mark.parametrize("piece", [b'\\"', b'"', b"[]", b'""', b"\\", b'"\\'])
def test_a_megabyte_of_trouble_is_refused_by_a_scan_that_never_goes_back(piece: bytes) -> None:
    # A pattern that goes back runs for hours over some of these; pytest's timeout would tell.
    body = b"[" * (MAX_DEPTH + 1) + b'"' + piece * (MAX_BODY_BYTES // len(piece))
    with pytest.raises(Malformed):
        ORDER.from_json(body)


def test_a_number_that_no_type_holds_is_readable_and_wrong() -> None:
    assert wrong(b'{"name":"x","lines":[{"text":"x","amount":1e999}]}') == {"/lines/0/amount": "out_of_range"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", Search()),
        (b"text=null&amount=5&exact=true&kind=b", Search("null", 5, exact=True, kind="b")),
        (b"text=", Search("")),
        (b"text=a+b%20%C3%BC%26", Search("a b ü&")),
        (b"share=0.5&exact=0", Search(share=0.5)),
        (b"since=2024-05-01T10:00:00%2B02:00", Search(since=datetime(2024, 5, 1, 8, tzinfo=UTC))),
        (b"since=2024-05-01t10:00:00z", Search(since=datetime(2024, 5, 1, 10, tzinfo=UTC))),
        (b"&&amount=1&", Search(amount=1)),
    ],
)
def test_a_good_query_string_becomes_its_struct(query: bytes, expected: Search) -> None:
    assert SEARCH.from_query(query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"amount=null", {"/amount": "wrong_type"}),
        (b"kind=Null", {"/kind": "wrong_type"}),
        (b"share=NULL", {"/share": "wrong_type"}),
        (b"kind=c&exact=2", {"/kind": "not_allowed", "/exact": "wrong_type"}),
        (b"since=0&amount=x", {"/since": "wrong_format", "/amount": "wrong_type"}),
        (b"since=1.5e9", {"/since": "wrong_format"}),
        (b"since=-1", {"/since": "wrong_format"}),
        (b"text=1&text=1&amount=x&y=1&y=1", {"/text": "duplicate", "/amount": "wrong_type", "/y": "duplicate"}),
    ],
)
def test_everything_wrong_in_a_query_string_is_told_once(query: bytes, expected: dict[str, str]) -> None:
    assert misasked(query) == expected


def test_a_query_string_is_asked_for_what_it_can_hold() -> None:
    with pytest.raises(Invalid) as caught:
        SEARCH.from_query(b"amount=x")
    assert [error.message for error in caught.value.errors] == ["Send an integer."]


@pytest.mark.parametrize("query", [b"text=\xff", b"text=%ff", "text=ü".encode(), b"&".join([b"a=1"] * 101)])
def test_a_query_string_that_cannot_be_read_is_malformed(query: bytes) -> None:
    with pytest.raises(Malformed):
        SEARCH.from_query(query)


@pytest.mark.parametrize(("name", "expected"), [("a", "/a"), ("a/b~c", "/a~1b~0c"), ("", "/"), ("~1", "/~01")])
def test_a_pointer_escapes_what_rfc_6901_escapes(name: str, expected: str) -> None:
    assert pointer(name) == expected


def test_a_merge_patch_holds_what_was_sent_and_null_is_something() -> None:
    class Patch(Struct, forbid_unknown_fields=True):
        title: str | UnsetType = UNSET
        note: str | UnsetType | None = UNSET

    def read(body: bytes) -> dict[str, Any]:
        return given(Model(Patch).from_json(body))

    assert read(b"{}") == {}
    assert read(b'{"note":null}') == {"note": None}
    assert read(b'{"title":"x","note":"y"}') == {"title": "x", "note": "y"}


class Parcel(Struct, forbid_unknown_fields=True):
    label: Annotated[str, Meta(extra={"check": one_line})] | UnsetType | None = UNSET
    kind: Literal["a", "b"] = "a"
    sent: Instant | None = None


class Delivery(Struct, forbid_unknown_fields=True):
    ids: list[UUID] = []
    parcels: Annotated[list[Parcel], Meta(max_length=3)] = []
    by_place: dict[str, list[Parcel]] = {}
    first: Parcel | None = None
    instants: list[Instant] = []


DELIVERY = Model(Delivery)


@pytest.mark.parametrize(
    ("body", "pointer_", "code", "message"),
    [
        (rb'{"parcels":[{"label":"a"},{"label":"\u0000"},{"label":"\n"}]}', "/parcels/1/label", "not_allowed", "Control"),
        (rb'{"first":{"label":"\u0000"}}', "/first/label", "not_allowed", "Control"),
        (rb'{"by_place":{"a/b":[{"label":"\u0000"}]}}', "/by_place/a~1b/0/label", "not_allowed", "Control"),
        (b'{"parcels":[{"sent":"1969-01-01T00:00:00Z"}]}', "/parcels/0/sent", "not_allowed", "Instants from"),
        (b'{"instants":["2026-01-01T00:00:00Z","1969-01-01T00:00:00Z"]}', "/instants/1", "not_allowed", "Instants from"),
        (b'{"ids":["00000000-0000-7000-8000-000000000000","x"]}', "/ids/1", "wrong_format", "Send a UUID."),
        (b'{"parcels":[{},{"kind":"c"}]}', "/parcels/1/kind", "not_allowed", "Send one of a, b."),
        (b'{"by_place":{"a":[{"kind":"c"}]}}', "/by_place/0/kind", "not_allowed", "Send one of a, b."),
        (b'{"first":{"colour":1}}', "/first/colour", "unknown", "There is an unknown field `colour`."),
        (b'{"parcels":[{},{},{},{}]}', "/parcels", "too_long", "Send at most 3 items."),
        (b'{"parcels":[{"kind":1}]}', "/parcels/0/kind", "wrong_type", "Send a string, not an integer."),
    ],
)
def test_what_stands_inside_a_field_passes_the_same_checks(body: bytes, pointer_: str, code: str, message: str) -> None:
    for sent in (body, body[:-1] + b',"x":1}'):
        with pytest.raises(Invalid) as caught:
            DELIVERY.from_json(sent)
        (error,) = (error for error in caught.value.errors if error.pointer != "/x")
        assert (error.pointer, error.code) == (pointer_, code)
        assert error.message.startswith(message)


def test_instants_inside_a_field_become_utc() -> None:
    local, moment = b'{"sent":"2026-01-01T01:00:00+01:00"}', datetime(2026, 1, 1, tzinfo=UTC)
    body = b'{"parcels":[{},%b],"first":%b,"by_place":{"a":[%b]},"instants":["2026-01-01T01:00:00+01:00"]}' % ((local,) * 3)
    delivery = DELIVERY.from_json(body)
    assert delivery.first is not None
    found = [delivery.parcels[1].sent, delivery.first.sent, delivery.by_place["a"][0].sent, *delivery.instants]
    assert found == [moment] * 4
    assert [instant.tzinfo for instant in found if instant] == [UTC] * 4
