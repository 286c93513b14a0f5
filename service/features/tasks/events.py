"""What happens to tasks."""

from service.kernel.events import Event


class TaskCreated(Event, frozen=True):
    """A task was created."""

    type = "task.created"


class TaskUpdated(Event, frozen=True):
    """Fields of a task changed; of `labels` the names are told. Renaming or deleting a label changes no task."""

    type = "task.updated"


class TaskCompleted(Event, frozen=True):
    """A task became done."""

    type = "task.completed"


class TaskDeleted(Event, frozen=True):
    """A task was deleted, softly."""

    type = "task.deleted"


class TaskRestored(Event, frozen=True):
    """A deleted task came back."""

    type = "task.restored"


class TaskPurged(Event, frozen=True):
    """A deleted task was removed for good."""

    type = "task.purged"


class TaskRelated(Event, frozen=True):
    """A task was related to another; `data` says how and to which.

    It is told of the task that the request named first, once for both, and neither gets a new version: what a relation means
    for a task, `is_blocked`, follows from it and the other task's status.
    """

    type = "task.related"


class TaskUnrelated(Event, frozen=True):
    """A task is not related to another any more; see `TaskRelated`."""

    type = "task.unrelated"
