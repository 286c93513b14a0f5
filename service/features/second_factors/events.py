"""What happens to second factors; the audit keeps each."""

from service.kernel.events import Event


class SecondFactorEnabled(Event, frozen=True):
    """The owner of an account turned its second factor on."""

    type = "user.mfa_enabled"
    audited = True


class SecondFactorDisabled(Event, frozen=True):
    """The owner of an account turned its second factor off."""

    type = "user.mfa_disabled"
    audited = True


class SecondFactorReset(Event, frozen=True):
    """An admin took the second factor of an account away."""

    type = "user.mfa_reset"
    audited = True


class RecoveryCodesMade(Event, frozen=True):
    """The owner of an account was shown new recovery codes; earlier ones are void."""

    type = "user.recovery_codes_made"
    audited = True


class RecoveryCodeUsed(Event, frozen=True):
    """A login used a recovery code up."""

    type = "user.recovery_code_used"
    audited = True
