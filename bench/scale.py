"""`python -m bench.scale`: what requests cost at two million tasks beside twenty thousand, and what their plans read."""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec
import uvloop
from msgspec import Struct

from bench.asgi import Request, call
from bench.scale_scene import Street, fill
from bench.scene import API, PASSWORD, environment
from bench.servers import free_port
from service.app import create_app
from service.composition import compose
from service.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litestar import Litestar

    from service.adapters.database import Database
    from service.adapters.database.statements import Statement

# Of what at most is half a page deep at the smaller size too.
DEEP_PAGE = 10_000
PAGE = 50
# The first reads from disk what the others find in memory; PostgreSQL plans a statement five times before it keeps a plan.
_WARMING = 7
WORDS = {
    "rare": "zebra",
    "common": "fence",
    "absent": "quagga",
    "prefix": "zeb",
    "common prefix": "fen",
    "two words": "zebra fence",
}
ORDERS = ("created_at", "updated_at", "priority", "due_date", "title", "number", "status")
WALKED = ("-created_at", "updated_at", "-priority", "due_date", "-due_date", "title", "number")


class Cost(Struct):
    """One request at one size: how long it took, and what its statements read."""

    milliseconds: float
    rows: int
    buffers: int
    whole: list[str]
    plans: list[str]


def main() -> None:
    """Measure both sizes one after the other, and print them side by side."""
    parser = argparse.ArgumentParser(
        prog="bench.scale", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--tasks", type=int, nargs=2, default=[20_000, 2_000_000], help="the sizes")
    parser.add_argument("--rounds", type=int, default=9, help="of every request; medians are shown")
    parser.add_argument("--explain", help="print the plans of the requests whose name has this in it, at the larger size")
    asked = parser.parse_args()
    costs = []
    for tasks in asked.tasks:
        with environment(free_port()) as environ:
            costs.append(uvloop.run(_filled(environ, tasks, asked.rounds)))
    report(costs[0], costs[1], asked.tasks)
    depth(costs[1])
    if asked.explain is not None:
        explain({name: cost for name, cost in costs[1].items() if asked.explain in name})


async def _filled(environ: Mapping[str, str], tasks: int, rounds: int) -> dict[str, Cost]:
    started = time.perf_counter()
    connection = await asyncpg.connect(environ["DATABASE_URL"])
    try:
        street = await fill(connection, tasks)
    finally:
        await connection.close()
    print(f"{tasks} tasks loaded in {time.perf_counter() - started:.0f} s", flush=True)
    return await measured(environ, street, rounds)


async def measured(environ: Mapping[str, str], street: Street, rounds: int) -> dict[str, Cost]:
    """The cost of every request in a database that is filled."""
    settings = load_settings(environ)
    ports = compose(settings)
    app = create_app(settings, ports)
    connection = await asyncpg.connect(environ["DATABASE_URL"])
    try:
        async with app.lifespan():
            token = await _member(app, connection, street)
            requests = dict(_requests(street, token))
            for sort in WALKED:
                requests[f"first page {sort}"] = Request("GET", _uncounted(street, sort) + f"&limit={PAGE}", token)
                requests[f"deep page {sort}"] = await _deep(app, street, token, sort)
            return await _costs(app, ports.database, connection, requests, rounds)
    finally:
        await connection.close()


async def _member(app: Litestar, connection: asyncpg.Connection[Any], street: Street) -> str:
    """Somebody with an account who belongs to all of the street's own projects; the token."""
    account = {"email": f"walker-{time.time_ns()}@example.com", "password": PASSWORD}
    user = await _sent(app, "/auth/register", {**account, "full_name": "Walker"})
    await connection.execute(
        "INSERT INTO memberships (id, project_id, user_id, role, created_at) "
        "SELECT gen_random_uuid(), project_id, $1, 'member', now() FROM unnest($2::uuid[]) AS of (project_id)",
        UUID(user["id"]), [street.large, *street.small],
    )  # fmt: skip
    token: str = (await _sent(app, "/auth/login", account))["access_token"]
    return token


async def _sent(app: Litestar, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.json.decode(await call(app, Request("POST", API + path, None, msgspec.json.encode(body))))
    return answer


def _requests(street: Street, token: str) -> Iterator[tuple[str, Request]]:
    large = f"{API}/tasks?limit={PAGE}&project_id={street.large}"
    for order in ORDERS:
        for sign in ("", "-"):
            yield f"page 1 {sign}{order}", Request("GET", f"{large}&sort={sign}{order}", token)
            yield f"page 1 {sign}{order}, all projects", Request("GET", f"{API}/tasks?limit={PAGE}&sort={sign}{order}", token)
    for kind, word in WORDS.items():
        search = f"limit={PAGE}&search={word.replace(' ', '%20')}"
        yield f"search {kind}, all projects", Request("GET", f"{API}/tasks?{search}", token)
        yield f"search {kind}, large project", Request("GET", f"{large}&{search.partition('&')[2]}", token)
        yield f"search {kind}, small project", Request("GET", f"{API}/tasks?{search}&project_id={street.small[0]}", token)
        yield f"search {kind}, newest first", Request("GET", f"{API}/tasks?{search}&sort=-created_at", token)
    body = {"project_id": str(street.small[0]), "title": "Paint the fence", "description": "Both sides, in green or white."}
    yield "POST", Request("POST", f"{API}/tasks", token, msgspec.json.encode(body))


def _uncounted(street: Street, sort: str) -> str:
    # A page behind a cursor counts nothing either, so that the two differ in depth alone.
    return f"{API}/tasks?project_id={street.large}&sort={sort}&count=none"


async def _deep(app: Litestar, street: Street, token: str, sort: str) -> Request:
    """The page that begins where page 10 000 does, or half-way where there are not so many."""
    target = _uncounted(street, sort)
    left, cursor = min(DEEP_PAGE * PAGE, street.in_large // 2), ""
    while left > 0:
        page = msgspec.json.decode(await call(app, Request("GET", f"{target}&limit=200{cursor}", token)))
        cursor = f"&cursor={page['next_cursor']}"
        left -= 200
    return Request("GET", f"{target}&limit={PAGE}{cursor}", token)


async def _costs(
    app: Litestar, database: Database, connection: asyncpg.Connection[Any], requests: Mapping[str, Request], rounds: int
) -> dict[str, Cost]:
    taken: dict[str, list[float]] = {name: [] for name in requests}
    for name, request in requests.items():
        for _ in range(_WARMING + rounds):
            started = time.perf_counter()
            await call(app, request)
            taken[name].append((time.perf_counter() - started) * 1000)
    costs = {}
    for name, request in requests.items():
        cost = costs[name] = Cost(median(taken[name][_WARMING:]), 0, 0, [], [])
        if request.method == "GET":
            for sql, arguments in await _statements(app, database, request):
                await _explain(connection, cost, sql, arguments)
    return costs


async def _statements(app: Litestar, database: Database, request: Request) -> list[tuple[str, tuple[Any, ...]]]:
    """What a request runs after the look-up of its session."""
    seen: list[tuple[str, tuple[Any, ...]]] = []
    fetch = database.fetch

    async def noted(statement: Statement, *arguments: Any) -> list[asyncpg.Record]:
        seen.append((statement.sql, arguments))
        return await fetch(statement, *arguments)

    database.fetch = noted  # type: ignore[method-assign]
    try:
        await call(app, request)
    finally:
        database.fetch = fetch  # type: ignore[method-assign]
    return [(sql, arguments) for sql, arguments in seen if "sessions" not in sql]


async def _explain(connection: asyncpg.Connection[Any], cost: Cost, sql: str, arguments: tuple[Any, ...]) -> None:
    text = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *arguments)
    plan = msgspec.json.decode(text)[0]["Plan"]
    cost.plans.append("\n".join(_outline(plan)))
    cost.buffers += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    for node in _nodes(plan):
        loops = node["Actual Loops"]
        if loops and (node.get("Relation Name") or node.get("Index Name", "")).startswith("task"):
            read = _read(node)
            cost.rows += read if "Relation Name" in node else 0
            whole = node["Node Type"] == "Seq Scan" or read > await _half(connection, node)
            cost.whole += [node.get("Index Name") or node["Relation Name"]] if whole else []


def _read(node: dict[str, Any]) -> int:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    rows: int = round((node["Actual Rows"] + removed) * node["Actual Loops"])
    return rows


async def _half(connection: asyncpg.Connection[Any], node: dict[str, Any]) -> float:
    """Half of the entries of what a node reads: the index if it names one, else the table."""
    name = node.get("Index Name") or node["Relation Name"]
    entries: float = await connection.fetchval("SELECT reltuples FROM pg_class WHERE oid = $1::text::regclass", name)
    return entries / 2


def _outline(node: dict[str, Any], level: int = 0) -> Iterator[str]:
    """A plan as `EXPLAIN` indents it: what each node is, of what, with how many rows and times."""
    of = " ".join(f"{node[key]}" for key in ("Index Name", "Relation Name", "CTE Name") if key in node)
    yield f"{'  ' * level}{node['Node Type']} {of} rows={_read(node)} loops={node['Actual Loops']}".replace("  rows", " rows")
    for below in node.get("Plans", ()):
        yield from _outline(below, level + 1)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def report(small: Mapping[str, Cost], large: Mapping[str, Cost], sizes: list[int]) -> None:
    """Print every request at both sizes: milliseconds, their ratio, and what the plans read of tasks and their texts."""
    print(f"{'':40}{sizes[0]:>10}{sizes[1]:>10}{'ratio':>7}{'rows read':>16}{'buffers':>16}  tables read whole")
    for name, less in small.items():
        more = large[name]
        rows, buffers = f"{less.rows} {more.rows}", f"{less.buffers} {more.buffers}"
        print(
            f"{name:40}{less.milliseconds:10.2f}{more.milliseconds:10.2f}{more.milliseconds / less.milliseconds:7.2f}"
            f"{rows:>16}{buffers:>16}  {' '.join(more.whole)}"
        )


def depth(costs: Mapping[str, Cost]) -> None:
    """Print what page 10 000 costs in first pages, neither of them counted."""
    print(f"\n{'':40}{'page 1':>10}{f'page {DEEP_PAGE}':>12}{'ratio':>7}")
    for sort in WALKED:
        first, deep = (costs[f"{place} page {sort}"].milliseconds for place in ("first", "deep"))
        print(f"{sort:40}{first:10.2f}{deep:12.2f}{deep / first:7.2f}")


def explain(costs: Mapping[str, Cost]) -> None:
    """Print what the statements of requests did, in plans without their conditions."""
    for name, cost in costs.items():
        print(f"\n{name}: {cost.milliseconds:.2f} ms", *cost.plans, sep="\n")


if __name__ == "__main__":
    main()
