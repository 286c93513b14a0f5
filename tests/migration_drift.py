"""Compares the tables that the migrations make with the tables that the code declares; `just migration-drift` runs it."""

# ruff: noqa: SLF001  (Piccolo 1.38 tells the shape of a table by _meta alone)

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg

from service.adapters.database.migrations import migrate
from service.piccolo_app import TABLES
from service.settings import Database
from tests.support import postgres

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from piccolo.columns import Column
    from piccolo.table import Table

# Piccolo's names of types that PostgreSQL itself calls otherwise.
_POSTGRES_NAMES = {
    "bigserial": "bigint",
    "serial": "integer",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "varchar": "character varying",
}
# Piccolo's list of the migrations that ran: its own, and no feature's.
_NOT_OURS = {"migration"}

_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attgenerated = ''
"""
_KEYS = """
SELECT k.contype = 'p', c.relname, a.attname, f.relname, t.attname, k.confdeltype
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
LEFT JOIN pg_class f ON f.oid = k.confrelid
LEFT JOIN pg_attribute t ON t.attrelid = k.confrelid AND t.attnum = k.confkey[array_position(k.conkey, a.attnum)]
WHERE c.relnamespace = 'public'::regnamespace AND k.contype IN ('p', 'f')
"""
# pg_constraint.confdeltype, in the words of SQL.
_ON_DELETE = {b"a": "NO ACTION", b"r": "RESTRICT", b"c": "CASCADE", b"n": "SET NULL", b"d": "SET DEFAULT"}


@dataclass
class Shape:
    """What a table is made of: columns by name as (type, nullable), its primary key, and where its columns point."""

    columns: dict[str, tuple[str, bool]] = field(default_factory=dict)
    primary_key: set[str] = field(default_factory=set)
    references: dict[str, str] = field(default_factory=dict)


def declared(tables: Iterable[type[Table]]) -> dict[str, Shape]:
    """The tables as the code declares them."""
    return {table._meta.tablename: _declared(table._meta.columns) for table in tables}


def _declared(columns: Iterable[Column]) -> Shape:
    shape = Shape()
    for column in columns:
        name = column._meta.db_column_name
        shape.columns[name] = (_postgres_name(column.column_type), column._meta.null)
        if column._meta.primary_key:
            shape.primary_key.add(name)
        if (foreign := getattr(column, "_foreign_key_meta", None)) is not None:
            target = foreign.resolved_references._meta
            shape.references[name] = (
                f"{target.tablename}.{foreign.resolved_target_column._meta.db_column_name} ON DELETE {foreign.on_delete.value}"
            )
    return shape


def _postgres_name(piccolo_type: str) -> str:
    if piccolo_type.endswith("[]"):
        return _postgres_name(piccolo_type.removesuffix("[]")) + "[]"
    base, parenthesis, length = piccolo_type.lower().partition("(")
    return _POSTGRES_NAMES.get(base, base) + parenthesis + length


async def stored(connection: asyncpg.Connection[Any]) -> dict[str, Shape]:
    """The tables as they are in the database, without columns that PostgreSQL computes."""
    shapes: dict[str, Shape] = {}
    for table, column, type_, nullable in await connection.fetch(_COLUMNS):
        shapes.setdefault(table, Shape()).columns[column] = (type_, nullable)
    for is_primary, table, column, target, target_column, on_delete in await connection.fetch(_KEYS):
        if is_primary:
            shapes[table].primary_key.add(column)
        else:
            shapes[table].references[column] = f"{target}.{target_column} ON DELETE {_ON_DELETE[on_delete]}"
    return {name: shape for name, shape in shapes.items() if name not in _NOT_OURS}


def differences(code: Mapping[str, Shape], database: Mapping[str, Shape]) -> list[str]:
    """One line for each thing that the code and the migrations tell differently."""
    lines = [f"{name}: declared, but no migration makes it" for name in code if name not in database]
    lines += [f"{name}: made by a migration, but declared nowhere" for name in database if name not in code]
    for name in code.keys() & database.keys():
        lines += [f"{name}.{line}" for line in _table_differences(code[name], database[name])]
    return sorted(lines)


def _table_differences(code: Shape, database: Shape) -> Iterator[str]:
    yield from _mapping_differences(
        {name: _worded(*column) for name, column in code.columns.items()},
        {name: _worded(*column) for name, column in database.columns.items()},
        "no such column",
    )
    yield from _mapping_differences(
        dict.fromkeys(code.primary_key, "PRIMARY KEY"),
        dict.fromkeys(database.primary_key, "PRIMARY KEY"),
        "not in the primary key",
    )
    yield from _mapping_differences(code.references, database.references, "no foreign key")


def _mapping_differences(code: Mapping[str, str], database: Mapping[str, str], absent: str) -> Iterator[str]:
    for name in code.keys() | database.keys():
        if (ours := code.get(name, absent)) != (theirs := database.get(name, absent)):
            yield f"{name}: the code says {ours}, the migrations say {theirs}"


def _worded(type_: str, nullable: bool) -> str:  # noqa: FBT001  (a pair of the shape, spread)
    return f"{type_} {'NULL' if nullable else 'NOT NULL'}"


async def _migrated(url: str) -> dict[str, Shape]:
    await migrate(Database(url=url))
    connection = await asyncpg.connect(url)
    try:
        return await stored(connection)
    finally:
        await connection.close()


def main() -> int:
    """Migrate an empty database, print how it differs from the code, and answer the exit code."""
    with postgres.postgres() as (server, _), postgres.empty_database(server, "worklane_drift") as url:
        found = differences(declared(TABLES), asyncio.run(_migrated(url)))
    print("\n".join(found) or "The migrations make what the code declares.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
