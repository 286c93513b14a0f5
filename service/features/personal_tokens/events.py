"""What happens to personal access tokens; `data` holds whose it is and what it may do, never its name or secret."""

from service.kernel.events import Event


class PersonalTokenCreated(Event, frozen=True):
    """Its owner made a token."""

    type = "personal_token.created"
    audited = True


class PersonalTokenRevoked(Event, frozen=True):
    """Its owner revoked the token."""

    type = "personal_token.revoked"
    audited = True
