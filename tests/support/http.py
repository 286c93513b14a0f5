"""Calls to the service in the words of the tests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx
    from litestar import Litestar
    from litestar.testing import AsyncTestClient

API = "/api/v1"


@dataclass(frozen=True)
class Api:
    """A client of the service, with or without a token."""

    client: AsyncTestClient[Any]
    app: Litestar
    token: str | None = None
    user: dict[str, Any] = field(default_factory=dict)

    def as_user(self, token: str, user: dict[str, Any]) -> Api:
        """The same service, called by somebody."""
        return replace(self, token=token, user=user)

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Any request; `body` is sent as JSON."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", {})
        if body is not None:
            options["json"] = body
        path = path if path.startswith(("/api", "/docs")) else API + path
        return await self.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """Read."""
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Create or act."""
        return await self.call("POST", path, body, **options)

    async def patch(self, path: str, body: Any, **options: Any) -> httpx.Response:
        """Change."""
        return await self.call("PATCH", path, body, **options)

    async def put(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Set."""
        return await self.call("PUT", path, body, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        """Delete."""
        return await self.call("DELETE", path, **options)

    def statements(self) -> list[str]:
        """A list that every further statement of the service is written to, without BEGIN and COMMIT."""
        seen: list[str] = []
        self.app.state.ports.database.observer = seen.append
        return seen


def made(response: httpx.Response) -> dict[str, Any]:
    """The body of a success; anything else fails the test and shows what came."""
    assert response.status_code in {200, 201}, f"{response.status_code} {response.text}"
    body: dict[str, Any] = response.json()
    return body


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that refuses a request."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["type"] == f"{API}/problems/{code}"
    assert problem["request_id"] == response.headers["x-request-id"]
    assert isinstance(problem["detail"], str)
    assert problem["detail"]
    return problem


def wrong_fields(problem: dict[str, Any]) -> dict[str, str]:
    """Which pointer is wrong, and its code."""
    return {error["pointer"]: error["code"] for error in problem["errors"]}
