"""The coverage floors: how a layer is counted, and what is said when it is too low."""

from __future__ import annotations

from typing import Any

from tests.floors import FLOORS, check, covered, missing


def measured(statements: int, lines: int, branches: int = 0, taken: int = 0) -> dict[str, Any]:
    """What coverage reports of a file."""
    return {
        "summary": {
            "num_statements": statements,
            "covered_lines": lines,
            "missing_lines": statements - lines,
            "num_branches": branches,
            "covered_branches": taken,
            "missing_branches": branches - taken,
        },
        "missing_lines": list(range(lines + 1, statements + 1)),
        "missing_branches": [[1, -1]] * (branches - taken),
    }


# One file of each layer, at the place where design puts it.
COMPLETE = {
    "service/kernel/errors.py": measured(10, 10),
    "service/features/tasks/domain.py": measured(10, 10, 2, 2),
    "service/features/sessions/controller.py": measured(10, 10),
    "service/features/tasks/use_cases.py": measured(10, 10),
    "service/features/tasks/repository.py": measured(10, 10),
    "service/features/tasks/controller.py": measured(10, 10),
}


def test_complete_coverage_passes_with_one_line_for_each_layer() -> None:
    lines, passed = check(COMPLETE)
    assert passed
    assert len(lines) == len(FLOORS)


def test_an_untaken_branch_in_the_domain_fails_and_is_named() -> None:
    lines, passed = check(COMPLETE | {"service/features/tasks/domain.py": measured(10, 10, 2, 1)})
    assert not passed
    assert "    service/features/tasks/domain.py: 1->exit" in lines


def test_branches_count_as_much_as_lines() -> None:
    assert covered({"a.py": measured(10, 8, 10, 6)}, r"a\.py") == (70.0, ["a.py"])


def test_a_layer_without_files_fails_since_its_pattern_must_be_stale() -> None:
    without = {name: file for name, file in COMPLETE.items() if not name.endswith("use_cases.py")}
    lines, passed = check(without)
    assert not passed
    assert any(line.startswith("coverage use cases: no file") for line in lines)


def test_a_file_that_is_empty_counts_as_covered() -> None:
    assert covered({"a.py": measured(0, 0)}, r"a\.py") == (100.0, [])


def test_a_file_with_gaps_is_listed_once_though_it_counts_in_two_layers() -> None:
    lines, _ = check(COMPLETE | {"service/features/tasks/domain.py": measured(100, 1)})
    assert sum("tasks/domain.py: 2, 3" in line for line in lines) == 1


def test_missing_names_lines_and_branches() -> None:
    assert missing(measured(4, 2, 2, 1)) == "3, 4, 1->exit"


def test_a_file_that_never_ran_is_not_listed_line_by_line() -> None:
    assert missing(measured(50, 0)) == "nothing of it ran"
