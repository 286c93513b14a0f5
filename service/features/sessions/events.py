"""What happens to sessions; `data` holds whose it is."""

from service.kernel.events import Event


class SessionStarted(Event, frozen=True):
    """Somebody logged in."""

    type = "session.started"


class SessionClosed(Event, frozen=True):
    """Its owner ended the session."""

    type = "session.ended"
