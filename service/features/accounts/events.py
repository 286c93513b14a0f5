"""What happens to accounts; addresses and names are in `changes` only, where purging a person finds them."""

from service.kernel.events import Event


class UserRegistered(Event, frozen=True):
    """An account was made, by its owner or for one; `data` holds its role."""

    type = "user.registered"
    audited = True


class UserInvited(Event, frozen=True):
    """An admin made an account, whose owner is mailed a link that sets its password; `data` holds its role."""

    type = "user.invited"
    audited = True


class UserUpdated(Event, frozen=True):
    """Fields of an account changed."""

    type = "user.updated"
    audited = True


class EmailVerified(Event, frozen=True):
    """The owner opened a link that was mailed to the address."""

    type = "user.email_verified"
    audited = True


class PasswordSet(Event, frozen=True):
    """The owner set a password by a one-time link; all sessions ended."""

    type = "user.password_set"
    audited = True


class AdminAppointed(Event, frozen=True):
    """The operator made an account an admin's; all its sessions and its second factor ended."""

    type = "user.admin_appointed"
    audited = True


class UserActivated(Event, frozen=True):
    """An admin made an account usable again."""

    type = "user.activated"
    audited = True


class UserDeactivated(Event, frozen=True):
    """An admin made an account unusable; all its sessions ended."""

    type = "user.deactivated"
    audited = True


class UserRoleChanged(Event, frozen=True):
    """An admin gave an account another role on the instance."""

    type = "user.role_changed"
    audited = True


class UserLocked(Event, frozen=True):
    """The account's address was locked after too many wrong passwords or codes; `data` holds until when."""

    type = "user.locked"
    audited = True


class UserUnlocked(Event, frozen=True):
    """An admin lifted the lock of an account's address before its time."""

    type = "user.unlocked"
    audited = True


class UserPasswordChanged(Event, frozen=True):
    """The owner, signed in, set another password; all other sessions ended."""

    type = "user.password_changed"
    audited = True


class UserEmailChanged(Event, frozen=True):
    """The owner opened a link that was mailed to a new address, which is the account's now; `data` holds the locale."""

    type = "user.email_changed"
    audited = True


class VerificationRequested(Event, frozen=True):
    """Somebody named an address and wants another verification mail; the subject is the request, which holds the address."""

    type = "verification.requested"


class PasswordResetRequested(Event, frozen=True):
    """Somebody named an address and wants a link that sets its account's password; the subject is the request."""

    type = "password_reset.requested"


class RegistrationRequested(Event, frozen=True):
    """Somebody wants an account, and is not told whether the address has one; the subject is the request."""

    type = "registration.requested"


class EmailChangeRequested(Event, frozen=True):
    """The owner of an account wants it to have another address; the subject is the request, which holds the address."""

    type = "email_change.requested"
