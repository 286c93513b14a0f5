"""What happens to projects."""

from service.kernel.events import Event


class ProjectCreated(Event, frozen=True):
    """A project was created."""

    type = "project.created"


class ProjectUpdated(Event, frozen=True):
    """Fields of a project changed."""

    type = "project.updated"


class ProjectArchivedEvent(Event, frozen=True):
    """A project became read-only."""

    type = "project.archived"


class ProjectUnarchived(Event, frozen=True):
    """A project became writable again."""

    type = "project.unarchived"


class ProjectDeleted(Event, frozen=True):
    """A project was deleted, softly."""

    type = "project.deleted"


class ProjectRestored(Event, frozen=True):
    """A deleted project came back, with its tasks."""

    type = "project.restored"


class ProjectPurged(Event, frozen=True):
    """A deleted project was removed for good, with all that was in it; no event tells of each task."""

    type = "project.purged"
    audited = True


class MemberAdded(Event, frozen=True):
    """A person was given a role in a project; the subject is the membership, `data` says whose and which."""

    type = "member.added"
    audited = True
