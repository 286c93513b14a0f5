"""Second factors over HTTP."""

from __future__ import annotations

from litestar import Controller
from litestar.params import FromPath, JSONBody

from service.features.accounts.domain import PasswordRequired, UserNotFound
from service.features.accounts.schemas import Confirmation, UserResponse
from service.features.second_factors.domain import NothingToConfirm, SecondFactorOff, SecondFactorOn, WrongCode
from service.features.second_factors.schemas import RecoveryCodesResponse, TotpCode, TotpSeedResponse
from service.features.second_factors.use_cases import OwnSecondFactor, SecondFactorResets
from service.http.requests import ApiRequest
from service.http.responses import Response
from service.http.routes import Access, Policy, post
from service.kernel.actor import Scope
from service.wiring import Injected

OWNER = Access(Policy.SESSION)
# What is answered is a secret.
NO_STORE = {"Cache-Control": "no-store"}


class SecondFactorController(Controller):
    """Asking for a code beside the password: turning that on and off, and recovery codes."""

    path = "/auth/mfa"
    tags = ("second factor",)

    @post("/totp", OWNER, raises=(PasswordRequired, SecondFactorOn))
    async def begin_totp(
        self, data: JSONBody[Confirmation], request: ApiRequest, own_second_factor: Injected[OwnSecondFactor]
    ) -> Response[TotpSeedResponse]:
        """Get a secret for an authenticator app; until a code of it is confirmed, logins need none.

        Asked again before that, another secret takes its place.
        """
        seed = await own_second_factor.begin(request.actor, data.password)
        return Response(seed, headers=NO_STORE)

    @post("/totp/confirm", OWNER, raises=(WrongCode, PasswordRequired, SecondFactorOn, NothingToConfirm), status_code=200)
    async def confirm_totp(
        self, data: JSONBody[TotpCode], request: ApiRequest, own_second_factor: Injected[OwnSecondFactor]
    ) -> Response[RecoveryCodesResponse]:
        """Turn the second factor on by a code of the app; answers ten recovery codes, this once."""
        made = await own_second_factor.confirm(request.actor, data.code)
        return Response(made, headers=NO_STORE)

    @post("/totp/remove", OWNER, raises=(PasswordRequired,), status_code=204)
    async def remove_totp(
        self, data: JSONBody[Confirmation], request: ApiRequest, own_second_factor: Injected[OwnSecondFactor]
    ) -> None:
        """Turn the second factor off; recovery codes and logins that wait for a code are void."""
        await own_second_factor.remove(request.actor, data.password)

    @post("/recovery-codes", OWNER, raises=(PasswordRequired, SecondFactorOff), status_code=200)
    async def renew_recovery_codes(
        self, data: JSONBody[Confirmation], request: ApiRequest, own_second_factor: Injected[OwnSecondFactor]
    ) -> Response[RecoveryCodesResponse]:
        """Get ten new recovery codes, this once; earlier ones are void."""
        made = await own_second_factor.renew_recovery_codes(request.actor, data.password)
        return Response(made, headers=NO_STORE)


class SecondFactorResetController(Controller):
    """Helping somebody who has lost app and codes."""

    path = "/users"
    tags = ("second factor",)

    @post(
        "/{user:str}/mfa-reset",
        Access(Policy.ADMIN, Scope.ADMIN),
        raises=(UserNotFound, PasswordRequired),
        status_code=200,
        validate_only=True,
        if_match=True,
    )
    async def reset_second_factor(
        self, request: ApiRequest, user: FromPath[str], second_factor_resets: Injected[SecondFactorResets]
    ) -> UserResponse:
        """Turn somebody's second factor off; your own takes your password, see /auth/mfa/totp/remove."""
        return await second_factor_resets.reset(request.actor, user, request.precondition)
