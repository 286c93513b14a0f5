"""How a feature plugs into the application: its controllers, and what they have injected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidationMarker
from litestar.plugins import InitPlugin
from msgspec import Struct

from service.adapters.database import Database
from service.adapters.passwords import Argon2Passwords
from service.adapters.tokens import AccessTokens
from service.adapters.vault import Vault
from service.kernel.mail import Mailer
from service.kernel.ports import Clock, Ids, KeptAnswers, Outbox, RateLimiter, Sight
from service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import timedelta

    from litestar.config.app import AppConfig
    from litestar.types import ControllerRouterHandler

    from service.adapters.outbox.relay import Handler
    from service.kernel.events import Event

T = TypeVar("T")

# What handlers declare for a port: the name says which, and Litestar need not check our own object at every request.
Injected: TypeAlias = NamedDependency[Annotated[T, SkipValidationMarker()]]


class Ports(Struct):
    """The technology that the features run on; composition.py fills it, tests replace what they must."""

    settings: Settings
    clock: Clock
    ids: Ids
    database: Database
    outbox: Outbox
    passwords: Argon2Passwords
    access_tokens: AccessTokens
    mailer: Mailer
    vault: Vault
    rate_limiter: RateLimiter
    answers: KeptAnswers


class Provided:
    """What the features have provided so far, by name; later ones build on earlier ones."""

    def __init__(self) -> None:
        self._objects: dict[str, object] = {}

    def update(self, objects: Mapping[str, object]) -> None:
        """Add what a feature provides.

        Raises:
            ValueError: the name is taken.
        """
        if taken := self._objects.keys() & objects.keys():
            message = f"two features provide {sorted(taken)}"
            raise ValueError(message)
        self._objects.update(objects)

    def __getitem__(self, key: tuple[str, type[T]]) -> T:
        name, type_ = key
        found = self._objects[name]
        if not isinstance(found, type_):
            message = f"{name} is no {type_.__name__}"
            raise TypeError(message)
        return found


class Job(Struct, frozen=True):
    """Something that the worker does again and again; it must bear to run in two workers at once."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[object]]


def no_jobs(_ports: Ports, _provided: Provided) -> Sequence[Job]:
    """For a feature that leaves the worker nothing to do."""
    return ()


def no_sights(_ports: Ports) -> Mapping[str, Sight]:
    """For a feature whose subjects are in a project, or seen by whoever made them."""
    return {}


class Subscription(Struct, frozen=True):
    """Events that a feature acts on once they are committed; each is told at least once, so a repetition must do no harm."""

    events: tuple[type[Event], ...]
    handler: Callable[[Ports, Provided], Handler]


class Feature(Struct, frozen=True):
    """The table of contents of a feature."""

    name: str
    controllers: tuple[type[Any], ...]
    provide: Callable[[Ports, Provided], Mapping[str, object]]
    jobs: Callable[[Ports, Provided], Sequence[Job]] = no_jobs
    # By the subscriber's name, under which its deliveries are stored: a renamed one never gets those of before.
    subscriptions: Mapping[str, Subscription] = {}
    # By the kind of subject: who may still see what an earlier request was about.
    sights: Callable[[Ports], Mapping[str, Sight]] = no_sights


def subscribers_by_event(features: Iterable[Feature]) -> dict[str, tuple[str, ...]]:
    """Who wants to be told, by the type of event.

    Raises:
        ValueError: two features have a subscriber of the same name.
    """
    found: dict[str, tuple[str, ...]] = {}
    names: set[str] = set()
    for feature in features:
        if taken := names & feature.subscriptions.keys():
            message = f"two features subscribe as {sorted(taken)}"
            raise ValueError(message)
        names.update(feature.subscriptions)
        for name, subscription in feature.subscriptions.items():
            for event in subscription.events:
                found[event.type] = (*found.get(event.type, ()), name)
    return found


class FeaturePlugin(InitPlugin):
    """Registers a feature with Litestar."""

    def __init__(self, feature: Feature, ports: Ports, provided: Provided) -> None:
        self._controllers: Sequence[ControllerRouterHandler] = feature.controllers
        self._objects = dict(feature.provide(ports, provided))
        provided.update(self._objects)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add the feature's routes and dependencies."""
        app_config.route_handlers.extend(self._controllers)
        app_config.dependencies.update({name: _constant(value) for name, value in self._objects.items()})
        return app_config


def _constant(value: object) -> Provide:
    return Provide(lambda: value, sync_to_thread=False, use_cache=True)
