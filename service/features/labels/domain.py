"""Labels: what they are, when two names are the same, and what is refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from service.kernel.errors import Conflict, NotFound

# The most labels of a project: past that nobody finds one any more.
MOST_LABELS = 500


class LabelNotFound(NotFound):
    """There is no such label, or none in a project that the caller belongs to."""

    code = "label_not_found"
    title = "There is no such label"


class LabelTaken(Conflict):
    """Another label of the project has this name."""

    code = "label_taken"
    title = "The project has a label of this name"


class TooManyLabels(Conflict):
    """There are as many labels as there may be."""

    code = "too_many_labels"
    title = "There are too many labels"


class Label(Struct, frozen=True):
    """A label as its readers see it."""

    id: UUID
    project_id: UUID
    name: str
    color: str
    created_at: datetime
    updated_at: datetime
    version: int


class LabelState(Struct, frozen=True):
    """The locked row that a write decides on."""

    id: UUID
    project_id: UUID
    name: str
    color: str
    version: int
    field_versions: Mapping[str, int] = {}


def tidy(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent as it is stored: a name composed (NFC) and trimmed, a color in small letters."""
    tidied = dict(fields)
    if "name" in tidied:
        tidied["name"] = unicodedata.normalize("NFC", tidied["name"]).strip()
    if "color" in tidied:
        tidied["color"] = tidied["color"].lower()
    return tidied


def name_key(name: str) -> str:
    """What names have in common that differ in capitals, composition or blanks around them only: a project has one of them."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold()).strip()
