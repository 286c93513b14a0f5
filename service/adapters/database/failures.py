"""What an error of PostgreSQL or its driver means for the caller."""

from __future__ import annotations

import asyncpg
import structlog

from service.kernel.errors import Conflict, Refusal, Unavailable, invalid

log = structlog.get_logger("database")

# Worth another try of the whole unit: serialization failure and deadlock (PostgreSQL documentation §13.5), and a statement
# that was prepared before a migration gave its columns other types, which asyncpg prepares anew.
RETRIED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InvalidCachedStatementError)

# The server has ended the session.
_SHUTDOWN = (
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.DatabaseDroppedError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
)

# The server is away, going, or out of room: nothing is wrong with the request.
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    *_SHUTDOWN,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    # Classes 53 and 58: connections, memory, disk.
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InternalServerError,
    # The schema is not at this code's head yet.
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    TimeoutError,
    OSError,
    *RETRIED,
)


class DatabaseUnavailable(Unavailable):
    """PostgreSQL can't be reached, is too busy, or went away in the middle."""

    code = "database_unavailable"
    title = "The database is not available right now"


class Referenced(Conflict):
    """Another row points here, or the row that this one points to is gone."""

    code = "reference_broken"
    title = "Something that this refers to is gone"


class Duplicate(Conflict):
    """A row with these unique values exists."""

    code = "duplicate"
    title = "This exists already"


def is_failure(error: BaseException) -> bool:
    """Whether the error says something about the request or the database; anything else is a fault in our SQL."""
    return isinstance(error, (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, *_AWAY))


def refusal_for(error: BaseException, *, commit_sent: bool = False) -> Refusal:
    """The refusal that a database error stands for; SQLSTATE classes as in PostgreSQL's appendix A."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Duplicate()
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return Referenced()
    if isinstance(error, (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)):
        # Whoever operates this can't mend it, but a report of the line can; the message would hold the value.
        log.warning("validator_missing", sqlstate=error.sqlstate, constraint=constraint_of(error))
        return invalid("", "unacceptable", "The database refuses one of the values: it is out of its range.")
    if commit_sent and not _answers_commit(error):
        return DatabaseUnavailable(
            "The outcome is unknown: repeat it with the same Idempotency-Key, or look first.", outcome="unknown"
        )
    return DatabaseUnavailable("The database is away or too busy; nothing was changed. Try again.")


def _answers_commit(error: BaseException) -> bool:
    # An error that the session survives says that the transaction was rolled back; one that ended the session says nothing.
    return isinstance(error, asyncpg.PostgresError) and not isinstance(error, (asyncpg.PostgresConnectionError, *_SHUTDOWN))


def constraint_of(error: BaseException) -> str | None:
    """The constraint that a violation names."""
    name = getattr(error, "constraint_name", None)
    return name if isinstance(name, str) else None
