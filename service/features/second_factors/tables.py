"""How second factors are stored."""

from piccolo.columns import UUID, BigInt, Bytea, ForeignKey, Integer, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE
from service.features.accounts.tables import UserRow


class SecondFactorRow(Table, tablename="second_factors", db=ENGINE):
    """The authenticator app of an account; it counts once the account's `mfa_enabled` says so."""

    user_id = ForeignKey(UserRow, on_delete=OnDelete.cascade, primary_key=True, null=False, default=None)
    # Sealed by the vault.
    seed = Bytea(default=None)
    # The time step (RFC 6238 §4.2) of the last code that was taken: no code of it, or of one before, is taken again.
    last_step = BigInt(default=None)
    created_at = Timestamptz(default=None)


class RecoveryCodeRow(Table, tablename="recovery_codes", db=ENGINE):
    """A recovery code that was not used yet; only its keyed digest is here."""

    code_digest = Bytea(primary_key=True, default=None)
    user_id = ForeignKey(UserRow, on_delete=OnDelete.cascade, null=False, default=None, index=True)
    created_at = Timestamptz(default=None)


class MfaChallengeRow(Table, tablename="mfa_challenges", db=ENGINE):
    """A login whose password was right and that waits for a code; only the hash of its token is here."""

    token_hash = Text(primary_key=True, default=None)
    user_id = ForeignKey(UserRow, on_delete=OnDelete.cascade, null=False, default=None, index=True)
    # Of the password's hash, so that another password voids it.
    password_digest = Text(default=None)
    # The known device that the password came from: the code's tries are counted where the password's were.
    device_id = UUID(null=True, default=None)
    tries = Integer(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None, index=True)
