"""Files that programs write: settings in .env.example and README.md, and how staleness is told."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from service.settings import SECRETS, Settings, load_settings, variables
from tests.openapi_drift import described
from tests.settings_drift import BEGIN, END, as_text, env_example, rows, table, with_table
from tests.support.generated import settle


def assignments(text: str) -> dict[str, str]:
    """What an .env file sets once its # are removed."""
    lines = [line.removeprefix("#") for line in text.splitlines() if line.startswith("#") and not line.startswith("# ")]
    return dict(line.split("=", 1) for line in lines)


def test_env_example_with_every_line_switched_on_says_the_defaults() -> None:
    assert load_settings({name: value for name, value in assignments(env_example()).items() if value}) == Settings()


def test_env_example_and_table_hold_every_variable_once() -> None:
    names = [name for name, _, _ in variables()]
    assert sorted(assignments(env_example())) == sorted([*names, *(f"{name}_FILE" for name in SECRETS)])
    assert [line.split("`")[1] for line in table().splitlines() if line.startswith("| `")] == names


def test_every_setting_is_explained() -> None:
    assert all(text.endswith(".") for _, _, text in rows())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(days=14), "14d"),
        (timedelta(hours=36), "36h"),
        (timedelta(minutes=10), "10m"),
        (timedelta(seconds=90), "90s"),
        (timedelta(milliseconds=1500), "1500ms"),
        (timedelta(0), "0ms"),
        (("a", "b"), "a,b"),
        ((), ""),
        (None, ""),
        (Path(".worklane"), ".worklane"),
        (3.5, "3.5"),
    ],
)
def test_a_default_is_written_as_the_environment_would_say_it(value: object, text: str) -> None:
    assert as_text(value) == text


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    readme = with_table(f"before\n{BEGIN}\nthe table of last year\n{END}\nafter\n")
    assert readme.startswith(f"before\n{BEGIN}\n\n| Variable")
    assert readme.endswith(f"\n\n{END}\nafter\n")
    assert "last year" not in readme
    assert with_table(readme) == readme


@pytest.mark.parametrize("readme", ["no marker", BEGIN, f"{END} {BEGIN}"])
def test_a_readme_without_its_markers_is_refused(readme: str) -> None:
    with pytest.raises(ValueError, match=r"README\.md needs"):
        with_table(readme)


def test_a_stale_file_is_shown_and_named_and_only_written_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "docs/file.txt"
    assert settle({path: "new\n"}, write=False, recipe="just it") == 1
    told = capsys.readouterr().out
    assert "+new" in told
    assert "is stale: run just it" in told
    assert not path.exists()
    assert settle({path: "new\n"}, write=True, recipe="just it") == 0
    assert settle({path: "new\n"}, write=False, recipe="just it") == 0
    assert path.read_text(encoding="utf-8") == "new\n"


def test_the_description_is_made_without_a_database_and_names_no_instance() -> None:
    document = json.loads(described())
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/"}]
    assert described() == described()
