"""The filter language: the text form of OGC CQL2, read into a tree that says nothing yet of what its fields mean."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from service.kernel.filter import parser, printing

if TYPE_CHECKING:
    from service.kernel.filter.tree import Condition


# A request reads its filter up to three times: to check it, to run it, and for the digest in its cursors.
@lru_cache(maxsize=128)
def read(text: str) -> Condition:
    """The tree of a filter.

    Raises:
        Misread: it is no filter, or one that is too large.
    """
    return parser.parse(text)


def normalized(text: str) -> str:
    """The filter as every filter with the same tree is written.

    Raises:
        Misread: it is no filter.
    """
    return printing.as_text(read(text))
