"""Compares .env.example and the settings table of README.md with service.settings; `--write` writes both."""

from __future__ import annotations

import ast
import inspect
import sys
from datetime import timedelta
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from service import settings
from service.settings import SECRETS, Settings, variables
from tests.support.generated import ROOT, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

ENV_EXAMPLE = ROOT / ".env.example"
README = ROOT / "README.md"
BEGIN, END = "<!-- settings -->", "<!-- /settings -->"

_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)), ("s", timedelta(seconds=1)))
_HEAD = """\
# Every setting of Worklane with its default, written by `just settings` from service/settings.py.
# Remove the # before a line to change it. Durations: 500ms, 5s, 10m, 12h, 30d. Lists: comma separated.
"""


def descriptions() -> dict[tuple[str, str], str]:
    """The string under each field, by (Struct, field)."""
    found = {}
    for struct in ast.parse(inspect.getsource(settings)).body:
        if isinstance(struct, ast.ClassDef):
            for field, below in zip(struct.body, struct.body[1:], strict=False):
                match field, below:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        found[struct.name, name] = text
    return found


def rows() -> Iterator[tuple[str, str, str]]:
    """Each setting as (variable, default as the environment would say it, what it is)."""
    texts = descriptions()
    for variable, path, _ in variables():
        topic: Any = Settings()
        for part in path[:-1]:
            topic = getattr(topic, part)
        yield variable, as_text(getattr(topic, path[-1])), texts[type(topic).__name__, path[-1]]


def as_text(value: Any) -> str:
    """A value as the environment says it."""
    if value is None:
        return ""
    if isinstance(value, timedelta):
        return next(
            (f"{value // unit}{name}" for name, unit in _UNITS if value and not value % unit),
            f"{value // timedelta(milliseconds=1)}ms",
        )
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


def env_example() -> str:
    """The text of .env.example."""
    parts = [_HEAD]
    for variable, default, text in rows():
        comment = "\n".join(f"# {line}" for line in wrap(text, 110))
        parts.append(f"{comment}\n#{variable}={default}\n")
        if variable in SECRETS:
            parts.append(f"# Or the path of a file that holds it.\n#{variable}_FILE=\n")
    return "\n".join(parts)


def table() -> str:
    """The table of README.md."""
    lines = ["| Variable | Default | What it sets |", "|---|---|---|"]
    lines += [f"| `{variable}` | {f'`{default}`' if default else ''} | {text} |" for variable, default, text in rows()]
    lines.append("")
    lines.append(f"{' and '.join(f'`{name}`' for name in SECRETS)} can also come from a file: add `_FILE` to the name.")
    return "\n".join(lines)


def with_table(readme: str) -> str:
    """The README with the table of today between its markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        message = f"README.md needs {BEGIN} and, below it, {END}: the table goes between them"
        raise ValueError(message)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    try:
        texts = {ENV_EXAMPLE: env_example(), README: with_table(README.read_text(encoding="utf-8"))}
    except ValueError as error:
        sys.exit(str(error))
    sys.exit(settle(texts, write="--write" in sys.argv[1:], recipe="just settings"))
