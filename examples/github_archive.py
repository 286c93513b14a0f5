"""What a GitHub archive holds, in the words of Worklane's API."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from examples.client import LoadFailed

if TYPE_CHECKING:
    from pathlib import Path

# What the API accepts, in code points.
LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 20_000
LONGEST_COMMENT = 20_000
LONGEST_PROJECT_NAME = 100
LONGEST_LABEL = 50
KINDS = {"issues": "issue", "pulls": "pull request"}
STATUS = {"open": "todo", "closed": "done", "merged": "done"}


def printable(text: str) -> str:
    """`text` without what the API refuses: control characters and lone surrogates show as U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t" else each
        for each in text
    )


def shortened(text: str, longest: int) -> str:
    """`text`, or as much of its beginning as fits before an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


@dataclass(frozen=True)
class Entry:
    """What becomes of an issue or a pull request: a task, its author, its labels with their colors, its comments in order."""

    task: dict[str, str]
    author: str
    labels: dict[str, str | None]
    comments: list[str]


def task(entry: dict[str, Any], kind: str) -> dict[str, str]:
    """What to send for an issue or a pull request; a title too long for its field stands whole in the description.

    Raises:
        LoadFailed: the entry's state is none that GitHub has.
    """
    name, state = f"{kind} {entry.get('number')}", str(entry.get("state")).lower()
    if state not in STATUS:
        raise LoadFailed(f"{name}: its state is {entry.get('state')!r}, expected one of {', '.join(STATUS)}.")
    title = " ".join(printable(str(entry.get("title") or "")).split()) or f"Untitled {name}"
    description = printable(str(entry.get("body") or ""))
    if len(title) > LONGEST_TITLE:
        description = f"{title}\n\n{description}".strip()
    return {
        "title": shortened(title, LONGEST_TITLE),
        "description": shortened(description, LONGEST_DESCRIPTION),
        "status": STATUS[state],
    }


def comments(entry: dict[str, Any], kind: str) -> list[str]:
    """What to send for the comments of an entry: nobody can write in another's name, so each begins with its author's.

    Raises:
        LoadFailed: the entry's comments are no list of objects.
    """
    found = entry.get("comments") or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise LoadFailed(f"{kind} {entry.get('number')}: its comments are no list of objects.")
    texts = (f"**{each.get('author') or 'ghost'}** wrote:\n\n{each.get('body') or ''}" for each in found)
    return [shortened(printable(text), LONGEST_COMMENT) for text in texts]


def author(entry: dict[str, Any]) -> str:
    """The login of who wrote an entry; empty where GitHub forgot the account."""
    return " ".join(printable(str(entry.get("author") or "")).split())


def label_name(label: Any) -> str:
    """The name of a label, which archives write as a text or as an object."""
    name = label.get("name") if isinstance(label, dict) else label
    return shortened(" ".join(printable(str(name or "")).split()), LONGEST_LABEL)


def labels(entry: dict[str, Any], colors: dict[str, str]) -> dict[str, str | None]:
    """The names of an entry's labels, each with its color where the archive tells it."""
    names = [label_name(label) for label in entry.get("labels") or []]
    return {name: colors.get(name.casefold()) for name in names if name}


def label_colors(archive: dict[str, Any]) -> dict[str, str]:
    """The colors of the archive's labels by `casefold` of their names; GitHub leaves out the `#`."""
    described = [label for label in archive.get("labels") or [] if isinstance(label, dict)]
    return {label_name(label).casefold(): f"#{label['color']}" for label in described if label.get("color")}


def read_archive(path: Path) -> tuple[str, list[Entry]]:
    """The archive's name for itself and its entries, in the order of their numbers.

    Raises:
        LoadFailed: the file can't be read, or holds something else.
    """
    try:
        archive = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoadFailed(f"Can't read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise LoadFailed(f"{path} is not JSON: {error}.") from error
    pairs = [(entry, kind) for key, kind in KINDS.items() for entry in listed(archive, key)]
    if not all(isinstance(entry, dict) and isinstance(entry.get("number"), int) for entry, _ in pairs):
        raise LoadFailed(f"{path} holds an entry that is no object with a number.")
    pairs.sort(key=lambda pair: pair[0]["number"])
    name = " ".join(printable(str(archive.get("repo") or path.stem)).split())
    colors = label_colors(archive)
    entries = [Entry(task(entry, kind), author(entry), labels(entry, colors), comments(entry, kind)) for entry, kind in pairs]
    return shortened(name, LONGEST_PROJECT_NAME), entries


def listed(archive: Any, key: str) -> list[Any]:
    """The entries that `archive` has under `key`.

    Raises:
        LoadFailed: there is no such list.
    """
    entries = archive.get(key) if isinstance(archive, dict) else None
    if not isinstance(entries, list):
        raise LoadFailed(f"This is no GitHub archive: expected an object with the lists {' and '.join(KINDS)}.")
    return entries
