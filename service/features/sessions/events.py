"""What happens to sessions; `data` holds whose it is."""

from service.kernel.events import Event


class SessionStarted(Event, frozen=True):
    """Somebody logged in; `data` also says whether that was on a device that was not known."""

    type = "session.started"
    audited = True


class SessionClosed(Event, frozen=True):
    """Its owner ended the session."""

    type = "session.ended"
    audited = True


class ReuseDetected(Event, frozen=True):
    """A refresh token was used a second time, or after the logout; the session has ended by it at the latest."""

    type = "session.reuse_detected"
    audited = True
