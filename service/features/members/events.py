"""What happens to memberships and invitations; a membership is a subject of its own, `data` says whose and which role."""

from service.kernel.events import Event


class MemberRoleChanged(Event, frozen=True):
    """A member got another role; `changes` holds both."""

    type = "member.role_changed"
    audited = True


class MemberRemoved(Event, frozen=True):
    """Somebody else ended a membership."""

    type = "member.removed"
    audited = True


class MemberLeft(Event, frozen=True):
    """A member left."""

    type = "member.left"
    audited = True


class ProjectTransferred(Event, frozen=True):
    """A project got another owner, and its old one became maintainer."""

    type = "project.transferred"
    audited = True


class InvitationCreated(Event, frozen=True):
    """An address was invited, and is mailed a link; the address itself is told to nobody here."""

    type = "invitation.created"
    audited = True


class InvitationAccepted(Event, frozen=True):
    """The person invited became a member."""

    type = "invitation.accepted"
    audited = True


class InvitationDeclined(Event, frozen=True):
    """The person invited did not want to."""

    type = "invitation.declined"
    audited = True


class InvitationRevoked(Event, frozen=True):
    """A maintainer took an invitation back."""

    type = "invitation.revoked"
    audited = True
