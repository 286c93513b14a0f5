"""Reads a filter by recursive descent, one method per rule of the grammar, and says where and what it expected."""

# either    = both {OR both}              both   = factor {AND factor}
# factor    = NOT factor | ( either ) | TRUE | FALSE | predicate
# predicate = field sign value | field IS [NOT] NULL | field [NOT] IN ( value {, value} )
#           | field [NOT] LIKE text | field [NOT] BETWEEN value AND value

from __future__ import annotations

from typing import TYPE_CHECKING

from service.kernel.filter.tokens import Misread, tokens
from service.kernel.filter.tree import Absence, And, Between, Comparison, Like, Membership, Name, Not, Or, Text, Truth
from service.kernel.filter.values import ValueReader

if TYPE_CHECKING:
    from service.kernel.filter.tree import Condition, Predicate, Value

# Bounds of what one request may cost: the largest filter is read in 2 ms (measured).
MAX_LENGTH = 4000
MAX_DEPTH = 16
MAX_CONDITIONS = 100
MAX_ITEMS = 200

SIGNS = frozenset(("=", "<>", "<", "<=", ">", ">="))


def parse(text: str) -> Condition:
    """The tree of a filter.

    Raises:
        Misread: it is no filter, or one that is too large.
    """
    if len(text) > MAX_LENGTH:
        raise Misread(MAX_LENGTH + 1, f"filters have at most {MAX_LENGTH} characters.")
    return _Parser(list(tokens(text))).whole()


class _Parser(ValueReader):
    """The rules of conditions, over those of values."""

    depth = 0
    conditions = 0

    def whole(self) -> Condition:
        condition = self._either()
        if self.next.kind != "end":
            raise self.unexpected("AND, OR or the end")
        return condition

    def _either(self) -> Condition:
        items = [self._both()]
        while self.takes("OR"):
            items.append(self._both())
        return items[0] if len(items) == 1 else Or(_flat(items, Or))

    def _both(self) -> Condition:
        items = [self._factor()]
        while self.takes("AND"):
            items.append(self._factor())
        return items[0] if len(items) == 1 else And(_flat(items, And))

    def _factor(self) -> Condition:
        token = self.next
        if self.takes("NOT"):
            self._deeper(token.at)
            condition = _contrary(self._factor())
        elif self.takes("("):
            self._deeper(token.at)
            condition = self._either()
            self.expect(")", "AND, OR or )")
        elif token.kind == "keyword" and token.value in {"TRUE", "FALSE"}:
            return self._constant()
        else:
            return self._predicate()
        self.depth -= 1
        return condition

    def _deeper(self, at: int) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Misread(at, f"parentheses and NOT go at most {MAX_DEPTH} levels deep.")

    def _constant(self) -> Truth:
        token = self.take()
        if self.next.kind == "sign" and self.next.value in SIGNS:
            raise Misread(token.at, "a comparison begins with the field; write the value behind the sign.")
        return Truth(token.at, token.value == "TRUE")

    def _predicate(self) -> Condition:
        if self.next.kind in {"text", "number"}:
            raise Misread(self.next.at, f"found {self.next.shown()}, expected a field: write the value behind the sign.")
        if self.next.kind != "name":
            raise self.unexpected("a field, NOT, TRUE, FALSE or (")
        token = self.take()
        if self._is_sign("("):
            raise Misread(token.at, f"found {token.value}(), expected a field: write the value behind the sign.")
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise Misread(token.at, f"filters have at most {MAX_CONDITIONS} conditions.")
        return self._about(Name(token.at, token.value))

    def _about(self, field: Name) -> Condition:
        at = self.next.at
        if self.next.kind == "sign" and self.next.value in SIGNS:
            return Comparison(field, at, self.take().value, self.value())
        if self.takes("IS"):
            negative = self.takes("NOT")
            self.expect("NULL", "NULL" if negative else "NULL or NOT NULL")
            return Not(Absence(field, at)) if negative else Absence(field, at)
        negative = self.takes("NOT")
        listed = self._listed(field, at)
        if listed is None:
            words = "IN, LIKE or BETWEEN"
            raise self.unexpected(words if negative else f"=, <>, <, <=, >, >=, IS, NOT, {words}")
        return Not(listed) if negative else listed

    def _listed(self, field: Name, at: int) -> Predicate | None:
        if self.takes("IN"):
            return Membership(field, at, self._list())
        if self.takes("LIKE"):
            return Like(field, at, self._pattern())
        if self.takes("BETWEEN"):
            low = self.value()
            self.expect("AND", "AND and the upper value")
            return Between(field, at, low, self.value())
        return None

    def _list(self) -> tuple[Value, ...]:
        self.expect("(", "( and a list of values")
        items = [self.value()]
        while self.takes(","):
            if len(items) == MAX_ITEMS:
                raise Misread(self.next.at, f"IN takes at most {MAX_ITEMS} values.")
            items.append(self.value())
        self.expect(")", "a comma or )")
        return tuple(items)

    def _pattern(self) -> Text:
        if self.next.kind != "text":
            raise self.unexpected("a pattern in single quotes, such as 'Release%'")
        token = self.take()
        if (len(token.value) - len(token.value.rstrip("\\"))) % 2:
            raise Misread(token.at, "the pattern ends with a \\ that escapes nothing; a backslash itself is written \\\\.")
        return Text(token.at, token.value)

    def _is_sign(self, value: str) -> bool:
        return self.next.kind == "sign" and self.next.value == value


def _flat(items: list[Condition], kind: type[And | Or]) -> tuple[Condition, ...]:
    """`a AND (b AND c)` is `a AND b AND c`."""
    return tuple(part for item in items for part in (item.items if isinstance(item, kind) else (item,)))


def _contrary(condition: Condition) -> Condition:
    return condition.item if isinstance(condition, Not) else Not(condition)
