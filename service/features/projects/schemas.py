"""Projects on the wire."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from service.features.projects.domain import Project
from service.kernel.text import many_lines, one_line

# What a reader may know of a project is what the domain's Project holds: no second Struct to copy every row into.
ProjectResponse = Project

Name = Annotated[str, Meta(min_length=1, max_length=100, description="A line of text.", extra={"check": one_line})]
Description = Annotated[str, Meta(max_length=20_000, description="Markdown.", extra={"check": many_lines})]
Key = Annotated[str, Meta(pattern="^[A-Z0-9]{2,10}$", description="2 to 10 of A to Z and 0 to 9; never changes.")]


class ProjectCreate(Struct, forbid_unknown_fields=True):
    """A project to create; without `key` one is made from the name."""

    name: Name
    key: Key | None = None
    description: Description | None = None


class ProjectPatch(Struct, forbid_unknown_fields=True):
    """What to change of a project; what is absent stays."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    require_if_match: bool | UnsetType = UNSET
