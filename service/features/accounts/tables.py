"""How accounts are stored."""

from piccolo.columns import JSONB, UUID, Array, Boolean, Bytea, ForeignKey, Integer, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from service.adapters.database.engine import ENGINE


class UserRow(Table, tablename="users", db=ENGINE):
    """One account."""

    id = UUID(primary_key=True, default=None)
    # As its owner writes it: mail goes there.
    email = Text(default=None)
    # What decides whether two addresses are one mailbox; unique among accounts that are not deleted.
    canonical_email = Text(default=None)
    # None until the owner sets one by a mailed link.
    password_hash = Text(null=True, default=None)
    full_name = Text(null=True, default=None)
    role = Text(default="user")
    is_active = Boolean(default=True)
    email_verified_at = Timestamptz(null=True, default=None)
    timezone = Text(default="UTC")
    locale = Text(default="en")
    # What the second factors' own table tells too; here so that it is read, and versioned, with the account.
    mfa_enabled = Boolean(default=False)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    # When nothing but the id, which others refer to, was left of a deleted account.
    purged_at = Timestamptz(null=True, default=None)
    version = Integer(default=1)
    field_versions = JSONB(default="{}")


class OneTimeTokenRow(Table, tablename="one_time_tokens", db=ENGINE):
    """A link that was issued and not used yet; only its hash is here."""

    token_hash = Text(primary_key=True, default=None)
    user_id = ForeignKey(UserRow, on_delete=OnDelete.cascade, null=False, default=None, index=True)
    purpose = Text(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    # What the account's address becomes by using it; None where the token is for something else.
    new_email = Text(null=True, default=None)


class MailRequestRow(Table, tablename="mail_requests", db=ENGINE):
    """What somebody asked for by naming an address; its event points here, and the row goes once that is handled."""

    id = UUID(primary_key=True, default=None)
    address = Text(default=None)
    # Who asked, where that is somebody signed in.
    user_id = ForeignKey(UserRow, on_delete=OnDelete.cascade, default=None, index=True)
    # Of the account to make, where registering is what was asked for.
    password_hash = Text(null=True, default=None)
    full_name = Text(null=True, default=None)
    created_at = Timestamptz(default=None)
    # Counted by the worker, whether or not there is an account: had it nothing to write for an address that nobody has, the
    # transaction ids in change cursors would tell.
    attempts = Integer(default=0)


class MailAllowanceRow(Table, tablename="mail_allowances", db=ENGINE):
    """A mail that an address got on somebody's wish; `cause` is that wish, so that a second try counts as the same mail."""

    cause_id = UUID(primary_key=True, default=None)
    address_digest = Bytea(default=None)
    taken_at = Timestamptz(default=None)


class LoginThrottleRow(Table, tablename="login_throttles", db=ENGINE):
    """Recent tries at the password or code of one address, or of one known device with it; of addresses, keyed digests only."""

    key = Bytea(primary_key=True, default=None)
    address = Bytea(default=None, index=True)
    failed_at = Array(base_column=Timestamptz(), default=None)
    # When each try that is being checked gives up its place.
    pending = Array(base_column=Timestamptz(), default=None)
    locks = Integer(default=0)
    last_failed_at = Timestamptz(null=True, default=None)
    locked_until = Timestamptz(null=True, default=None)
    # The account that is still to be told of the lock.
    notify = UUID(null=True, default=None)
    touched_at = Timestamptz(default=None)


class DeviceTokenRow(Table, tablename="device_tokens", db=ENGINE):
    """A device that somebody has logged in from with one address, known again by a token of which only the hash is here."""

    id = UUID(primary_key=True, default=None)
    token_hash = Text(default=None, unique=True)
    address = Bytea(default=None, index=True)
    created_at = Timestamptz(default=None)
    last_used_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
