"""Compares .coverage.json with the coverage floor of each layer; `just test` runs it after pytest."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

AUTH_AND_AUDIT = (
    r"service/(features/(sessions|second_factors|personal_tokens|audit)/.*|"
    r"features/accounts/(throttl\w+|password_checks|reauthentication)|"
    r"http/requests|adapters/(tokens|key_file|key_ring|passwords|vault))\.py"
)

# Every module of a feature that is of no other layer: use_cases.py, and those that are named for their topic.
USE_CASES = (
    r"service/features/\w+/(?!(__init__|addresses|password_rules|refresh_tokens)\.py)"
    r"(?!\w*(domain|events|ports|repository|statements|tables|controller|schemas|feature)\.py)\w+\.py"
)

# Layer, its floor in per cent (lines and branches together), and its files. A file may count in several layers.
FLOORS = (
    ("domain", 100, r"service/(kernel/.*|features/\w+/(\w*domain|events|\w*ports|addresses|password_rules|refresh_tokens))\.py"),
    ("auth and audit", 100, AUTH_AND_AUDIT),
    ("use cases", 95, USE_CASES),
    ("adapters", 90, r"service/(adapters/.*|features/\w+/(\w*repository|\w*statements|tables))\.py"),
    ("controllers", 90, r"service/(http/.*|features/\w+/(\w*controller|\w*schemas|feature))\.py"),
    ("all", 93, r"service/.*\.py"),
)


def covered(files: dict[str, Any], pattern: str) -> tuple[float, list[str]] | None:
    """Per cent of the lines and branches that ran in the files that match, and the names of those with gaps."""
    summaries = {name: file["summary"] for name, file in files.items() if re.fullmatch(pattern, name)}
    if not summaries:
        return None
    ran = sum(each["covered_lines"] + each["covered_branches"] for each in summaries.values())
    there = sum(each["num_statements"] + each["num_branches"] for each in summaries.values())
    gaps = [name for name, each in summaries.items() if each["missing_lines"] or each["missing_branches"]]
    return (100 * ran / there if there else 100.0), sorted(gaps)


def check(files: dict[str, Any]) -> tuple[list[str], bool]:
    """One line per layer, and whether each of them reaches its floor."""
    lines: list[str] = []
    listed: set[str] = set()
    passed = True
    for layer, floor, pattern in FLOORS:
        result = covered(files, pattern)
        if result is None:
            lines.append(f"coverage {layer}: no file matches {pattern}; correct it in tests/floors.py")
            passed = False
            continue
        share, gaps = result
        reached = share >= floor
        lines.append(f"coverage {layer:<15}{share:6.1f} %  floor {floor} %{'' if reached else '  TOO LOW'}")
        if not reached:
            lines.extend(f"    {name}: {missing(files[name])}" for name in gaps if name not in listed)
            listed.update(gaps)
            passed = False
    return lines, passed


def missing(file: dict[str, Any]) -> str:
    """What didn't run: line numbers, and branches as `from->to`."""
    if file["summary"]["covered_lines"] == 0:
        return "nothing of it ran"
    branches = [f"{start}->{'exit' if end < 0 else end}" for start, end in file["missing_branches"]]
    return ", ".join([*map(str, file["missing_lines"]), *branches])


if __name__ == "__main__":
    measured = json.loads(Path(".coverage.json").read_text(encoding="utf-8"))
    if not measured["meta"]["branch_coverage"]:
        sys.exit("No branch was measured: no test ran anything of the service, or pyproject.toml lost `branch = true`.")
    report, enough = check(measured["files"])
    print("\n".join(report))
    if not enough:
        sys.exit("Coverage is below its floor: test what is listed, or remove what nothing needs.")
