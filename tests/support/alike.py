"""Whether two refusals give away the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx


def but_for_the_request(response: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of a refusal without what every request has of its own: path, id, length of both."""
    body = {name: value for name, value in response.json().items() if name not in {"instance", "request_id"}}
    headers = {name: value for name, value in response.headers.items() if name not in {"x-request-id", "content-length", "date"}}
    return response.status_code, body, headers
