"""Personal access tokens over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import FromPath, JSONBody

from service.features.accounts.domain import PasswordRequired
from service.features.personal_tokens.domain import PersonalTokenNotFound
from service.features.personal_tokens.ports import PersonalTokens
from service.features.personal_tokens.schemas import NewPersonalTokenResponse, PersonalTokenCreate, PersonalTokenResponse
from service.features.personal_tokens.use_cases import PersonalTokenWrites, Wish
from service.http.paging import Order, Page, PageQuery, respond
from service.http.problems import API
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, delete, get, post
from service.wiring import Injected

ORDER = Order(("created_at", "expires_at", "last_used_at"), "-created_at")

# No token makes, shows or revokes tokens: a stolen one must not be able to replace itself.
OWNER = Access(Policy.SESSION)


class PersonalTokenController(Controller):
    """Making tokens for scripts and other programs, and revoking them."""

    path = "/auth/tokens"
    tags = ("personal tokens",)

    @get("/", OWNER, query=PageQuery, order=ORDER)
    async def list_personal_tokens(
        self, request: ApiRequest, personal_tokens: Injected[PersonalTokens]
    ) -> Response[Page[PersonalTokenResponse]]:
        """List your personal access tokens; revoked ones are gone, expired ones stay for a month."""
        window = request.query(PageQuery).window(request.scope, ORDER.keys, ORDER.default)
        return respond(request.scope, window, await personal_tokens.page(request.actor, window))

    @post("/", OWNER, raises=(PasswordRequired,))
    async def create_personal_token(
        self, data: JSONBody[PersonalTokenCreate], request: ApiRequest, personal_token_writes: Injected[PersonalTokenWrites]
    ) -> Response[NewPersonalTokenResponse]:
        """Make a personal access token; only this answer shows it.

        It goes into `Authorization: Bearer …` like the access token of a session, and acts for you within its scopes and
        projects for at most 366 days. A reset of your password revokes it.
        """
        wish = Wish(data.name, data.scopes, data.project_ids, data.expires_at)
        token = await personal_token_writes.create(request.actor, data.password, wish)
        return Response(token, headers={"Location": f"{API}/auth/tokens/{token.id}", "Cache-Control": "no-store"})

    @get("/{personal_token:str}", OWNER, raises=(PersonalTokenNotFound,))
    async def get_personal_token(
        self, request: ApiRequest, personal_token: FromPath[str], personal_tokens: Injected[PersonalTokens]
    ) -> PersonalTokenResponse:
        """Read one of your personal access tokens, without its secret."""
        return await personal_tokens.find(request.actor, personal_token)

    @delete("/{personal_token:str}", OWNER, raises=(PersonalTokenNotFound,), if_match=True, status_code=204)
    async def revoke_personal_token(
        self, request: ApiRequest, personal_token: FromPath[str], personal_token_writes: Injected[PersonalTokenWrites]
    ) -> None:
        """Revoke one of your personal access tokens at once."""
        await personal_token_writes.revoke(request.actor, personal_token, request.precondition)
