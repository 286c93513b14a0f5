"""What happens to labels."""

from service.kernel.events import Event


class LabelCreated(Event, frozen=True):
    """A project got a label."""

    type = "label.created"


class LabelUpdated(Event, frozen=True):
    """A label was renamed or got another color; the tasks that have it keep their versions."""

    type = "label.updated"


class LabelDeleted(Event, frozen=True):
    """A label was deleted, for good, and no task has it any more; of the tasks nothing is told, and they keep their versions."""

    type = "label.deleted"
