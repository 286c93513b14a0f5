"""What happens when somebody leaves for good."""

from service.kernel.events import Event


class UserDeleted(Event, frozen=True):
    """An account was deleted, softly, by its owner or an admin; all that could be used as it ended."""

    type = "user.deleted"
    audited = True


class UserRestored(Event, frozen=True):
    """An admin brought a deleted account back, without its memberships."""

    type = "user.restored"
    audited = True


class UserPurged(Event, frozen=True):
    """A deleted account lost its name, its address and all else that it held."""

    type = "user.purged"
    audited = True
