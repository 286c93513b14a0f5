"""Second factors on the wire."""

from typing import Annotated

from msgspec import Meta, Struct

from service.features.second_factors.domain import MfaRequired, RecoveryCodes, TotpSeed

# What is answered once is what the domain's Structs hold.
TotpSeedResponse = TotpSeed
RecoveryCodesResponse = RecoveryCodes
MfaRequiredResponse = MfaRequired


class TotpCode(Struct, forbid_unknown_fields=True):
    """What shows that the authenticator app has the secret."""

    code: Annotated[str, Meta(min_length=1, max_length=40, description="The six digits that the app shows now.")]
