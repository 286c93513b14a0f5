"""What happens to saved views; those that are private are told of to nobody else, so they name no project."""

from service.kernel.events import Event


class ViewCreated(Event, frozen=True):
    """A view was saved."""

    type = "view.created"


class ViewUpdated(Event, frozen=True):
    """Fields of a view changed."""

    type = "view.updated"


class ViewDeleted(Event, frozen=True):
    """A view was deleted for good."""

    type = "view.deleted"
