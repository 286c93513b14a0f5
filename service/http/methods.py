"""Which methods a path has: for OPTIONS, and for Allow beside a 405."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.exceptions import HTTPException

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.types import Method

_METHODS: tuple[Method, ...] = ("DELETE", "GET", "PATCH", "POST", "PUT")


def allowed_methods(app: Litestar, path: str) -> str:
    """The methods of a path as `Allow` lists them, empty where there is no such path.

    Litestar 2.25 itself answers OPTIONS with the methods of one handler only, and knows no HEAD.
    """
    found = [method for method in _METHODS if _has(app, path, method)]
    if not found:
        return ""
    return ", ".join(sorted([*found, "OPTIONS", *(["HEAD"] if "GET" in found else [])]))


def _has(app: Litestar, path: str, method: Method) -> bool:
    try:
        app.asgi_router.handle_routing(path="/" + path.strip("/"), method=method)
    except HTTPException:
        return False
    return True
