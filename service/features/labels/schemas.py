"""Labels on the wire."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from service.features.labels.domain import Label
from service.kernel.text import one_line

# What a reader may know of a label is what the domain's Label holds.
LabelResponse = Label

Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=50,
        description="A line of text, unique in its project whatever its capitals.",
        extra={"check": one_line},
    ),
]
# Its length is left to the pattern: who sends "red" is told the form, not that it is short.
Color = Annotated[
    str, Meta(pattern="^#[0-9A-Fa-f]{6}$", description="`#rrggbb` in hexadecimal digits; answered in small letters.")
]
GREY = "#ededed"


class LabelCreate(Struct, forbid_unknown_fields=True):
    """A label to create; without `color` it is grey."""

    name: Name
    color: Color = GREY


class LabelPatch(Struct, forbid_unknown_fields=True):
    """What to change of a label; what is absent stays."""

    name: Name | UnsetType = UNSET
    color: Color | UnsetType = UNSET
