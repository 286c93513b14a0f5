"""What each error of PostgreSQL means for the caller, by SQLSTATE."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from service.adapters.database.failures import (
    DatabaseUnavailable,
    Duplicate,
    Referenced,
    constraint_of,
    is_failure,
    refusal_for,
)
from service.http.problems import status_of
from service.kernel.errors import Invalid
from tests.support.log_lines import logged

NOT_APPLIED, UNKNOWN = "not_applied", "unknown"
# The server's answer to COMMIT itself: it has rolled back, and is still there to say so.
ANSWERED = {
    "40001": 503,  # serialization_failure
    "40P01": 503,  # deadlock_detected
    "25006": 503,  # read_only_sql_transaction
    "53100": 503,  # disk_full
    "53200": 503,  # out_of_memory
    "53300": 503,  # too_many_connections
    "53400": 503,  # configuration_limit_exceeded
    "55P03": 503,  # lock_not_available
    "57014": 503,  # query_canceled
    "28P01": 503,  # invalid_password
    "58030": 503,  # io_error
    "58P01": 503,  # undefined_file
    "3D000": 503,  # invalid_catalog_name
    "42P01": 503,  # undefined_table: a migration is missing
    "XX000": 503,  # internal_error
    "23505": 409,  # unique_violation
    "23503": 409,  # foreign_key_violation
    "23514": 422,  # check_violation
    "23502": 422,  # not_null_violation
    "22003": 422,  # numeric_value_out_of_range
    "22021": 422,  # character_not_in_repertoire
    "22P02": 422,  # invalid_text_representation
}
# The session is gone with whatever it was about to say.
GONE = ["57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04", "08003", "08006"]


def error(sqlstate: str, **fields: str) -> asyncpg.PostgresError:
    """The error that the driver raises for a SQLSTATE."""
    made = asyncpg.PostgresError.new({"C": sqlstate, "M": "secret detail", **fields})
    assert isinstance(made, asyncpg.PostgresError)
    return made


@pytest.mark.parametrize(("sqlstate", "status"), [*ANSWERED.items(), *((state, 503) for state in GONE)])
def test_each_sqlstate_has_its_status_and_tells_nothing_of_itself(sqlstate: str, status: int) -> None:
    refusal = refusal_for(error(sqlstate))
    assert is_failure(error(sqlstate))
    assert status_of(type(refusal)) == status
    assert "secret" not in str(refusal)
    if status == 503:
        assert refusal.members == {"outcome": NOT_APPLIED}
        assert refusal.retry_after == 1


@pytest.mark.parametrize("sqlstate", GONE)
def test_a_session_that_ends_at_commit_leaves_the_outcome_unknown(sqlstate: str) -> None:
    assert refusal_for(error(sqlstate), commit_sent=True).members == {"outcome": UNKNOWN}


@pytest.mark.parametrize("sqlstate", [state for state, status in ANSWERED.items() if status == 503])
def test_an_error_that_answers_commit_says_that_nothing_was_applied(sqlstate: str) -> None:
    assert refusal_for(error(sqlstate), commit_sent=True).members == {"outcome": NOT_APPLIED}


@pytest.mark.parametrize(
    "lost",
    [OSError(), ConnectionResetError(), TimeoutError(), asyncpg.InterfaceError("gone"), asyncpg.InternalClientError("odd")],
)
def test_a_lost_connection_is_unknown_from_commit_on_and_not_applied_before(lost: Exception) -> None:
    assert is_failure(lost)
    assert refusal_for(lost).members == {"outcome": NOT_APPLIED}
    assert refusal_for(lost, commit_sent=True).members == {"outcome": UNKNOWN}


@pytest.mark.parametrize("sqlstate", ["22003", "22021", "23502", "23514"])
def test_what_only_the_database_refuses_is_told_to_the_log_without_the_value(sqlstate: str) -> None:
    with logged() as logs:
        refusal_for(error(sqlstate, n="tasks_priority_range"))
    (line,) = logs
    assert (line["event"], line["sqlstate"], line["constraint"]) == ("validator_missing", sqlstate, "tasks_priority_range")
    assert "secret" not in str(line)


@pytest.mark.parametrize("sqlstate", ["23505", "23503", "57P01", "40001"])
def test_of_clashes_and_outages_there_is_no_such_line(sqlstate: str) -> None:
    with logged() as logs:
        refusal_for(error(sqlstate))
    assert logs == []


def test_a_value_that_the_driver_cannot_encode_is_the_callers() -> None:
    assert isinstance(refusal_for(asyncpg.DataError("invalid input for query argument")), Invalid)


@pytest.mark.parametrize("fault", [ValueError(), KeyError("x"), RuntimeError(), asyncpg.PostgresSyntaxError("our SQL")])
def test_a_fault_of_ours_is_no_failure_of_the_database(fault: Exception) -> None:
    assert not is_failure(fault)


def test_a_violation_names_its_constraint() -> None:
    violation: Any = error("23505", n="projects_key_unique")
    assert constraint_of(violation) == "projects_key_unique"
    assert isinstance(refusal_for(violation), Duplicate)


def test_what_names_no_constraint_violates_none_of_ours() -> None:
    assert constraint_of(OSError()) is None


def test_missing_rows_and_outages_are_conflict_and_unavailability() -> None:
    assert isinstance(refusal_for(error("23503")), Referenced)
    assert isinstance(refusal_for(error("57P01")), DatabaseUnavailable)
