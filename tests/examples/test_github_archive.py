"""Archives: what is made of each entry, and which files are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from examples.client import LoadFailed
from examples.github_archive import comments, printable, read_archive, shortened, task

SMALL = Path(__file__).parents[2] / "examples" / "small-archive.json"


def entry(**fields: Any) -> dict[str, Any]:
    """An issue as GitHub's export writes it, but for `fields`."""
    return {"number": 7, "title": "Wax the hull", "body": "With a candle.", "state": "OPEN", **fields}


def write(path: Path, archive: object) -> Path:
    """`archive` as a file."""
    file = path / "archive.json"
    file.write_text(json.dumps(archive), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("state", "status"),
    [("OPEN", "todo"), ("CLOSED", "done"), ("MERGED", "done"), ("open", "todo"), ("Merged", "done")],
)
def test_closed_and_merged_become_done_in_any_casing(state: str, status: str) -> None:
    assert task(entry(state=state), "issue")["status"] == status


@pytest.mark.parametrize("state", ["DRAFT", "", None])
def test_a_state_that_github_does_not_have_is_refused_by_number(state: str | None) -> None:
    with pytest.raises(LoadFailed, match=r"issue 7: its state is .*, expected one of open, closed, merged"):
        task(entry(state=state), "issue")


def test_a_title_of_200_characters_stays_as_it_is() -> None:
    body = task(entry(title="é" * 200), "issue")
    assert (body["title"], body["description"]) == ("é" * 200, "With a candle.")


def test_a_longer_title_is_cut_and_stands_whole_in_the_description() -> None:
    title = "x" * 201
    body = task(entry(title=title), "issue")
    assert body["title"] == "x" * 199 + "…"
    assert body["description"] == f"{title}\n\nWith a candle."


@pytest.mark.parametrize("title", ["", "   ", None])
def test_a_missing_title_names_kind_and_number(title: str | None) -> None:
    assert task(entry(title=title), "pull request")["title"] == "Untitled pull request 7"


def test_a_null_body_is_an_empty_description() -> None:
    assert task(entry(body=None), "issue")["description"] == ""


def test_a_description_too_long_is_cut_at_what_the_api_accepts() -> None:
    description = task(entry(title="x" * 300, body="y" * 30_000), "issue")["description"]
    assert len(description) == 20_000
    assert description.startswith("x" * 300 + "\n\ny")
    assert description.endswith("y…")


def test_control_characters_and_half_pairs_are_shown_as_replaced() -> None:
    assert printable("a\0b\x07c\x7fd\x9fe\ud83df") == "a�b�c�d�e�f"


def test_line_ends_become_newlines_and_tabs_stay() -> None:
    assert printable("a\r\nb\rc\n\td") == "a\nb\nc\n\td"


def test_a_title_is_one_line() -> None:
    assert task(entry(title=" Wax\r\n\tthe  hull "), "issue")["title"] == "Wax the hull"


def test_text_that_fits_is_not_shortened() -> None:
    assert [shortened("abc", longest) for longest in (4, 3, 2)] == ["abc", "abc", "a…"]


def test_the_small_archive_is_read_whole_and_in_the_order_of_its_numbers() -> None:
    name, entries = read_archive(SMALL)
    tasks = [each.task for each in entries]
    assert name == "worklane/paper-boats"
    assert [len(each.comments) for each in entries[:4]] == [0, 2, 1, 0]
    assert [each["title"][:12] for each in tasks[:3]] == ["Boats take o", "Say which wa", "Wax the hull"]
    assert [each["status"] for each in tasks].count("done") == 7
    assert len(tasks) == 12


def test_a_comment_begins_with_the_name_of_its_author() -> None:
    said = [{"author": "quill", "body": "One.\r\nTwo."}, {"author": None, "body": None}, {"body": "y" * 30_000}]
    first, second, third = comments(entry(comments=said), "issue")
    assert first == "**quill** wrote:\n\nOne.\nTwo."
    assert second == "**ghost** wrote:\n\n"
    assert (len(third), third[:22]) == (20_000, "**ghost** wrote:\n\nyyyy")


@pytest.mark.parametrize("said", [None, []])
def test_an_entry_may_have_no_comments(said: list[str] | None) -> None:
    assert comments(entry(comments=said), "issue") == comments(entry(), "issue") == []


@pytest.mark.parametrize("said", [{"author": "quill"}, ["Hello"], "Hello"])
def test_comments_that_are_none_are_refused_by_number(said: object) -> None:
    with pytest.raises(LoadFailed, match="pull request 7: its comments are no list of objects"):
        comments(entry(comments=said), "pull request")


def test_an_archive_without_a_name_is_called_like_its_file(tmp_path: Path) -> None:
    assert read_archive(write(tmp_path, {"issues": [], "pulls": []})) == ("archive", [])


@pytest.mark.parametrize("archive", [[], 3, {"issues": []}, {"issues": [], "pulls": {}}, {"tasks": []}])
def test_a_file_that_is_no_archive_is_refused(archive: object, tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="no GitHub archive: expected an object with the lists issues and pulls"):
        read_archive(write(tmp_path, archive))


@pytest.mark.parametrize("wrong", [3, {}, {"number": "7"}])
def test_an_entry_without_a_number_is_refused(wrong: object, tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="an entry that is no object with a number"):
        read_archive(write(tmp_path, {"issues": [entry(), wrong], "pulls": []}))


def test_labels_are_read_whether_they_are_texts_or_objects(tmp_path: Path) -> None:
    described = [{"name": "bug", "color": "d73a4a"}, {"name": "plain"}, "text"]
    named = ["BUG", {"name": " a\tb "}, {"name": None}, "", "x" * 51]
    archive = {"labels": described, "issues": [entry(labels=named), entry(labels=None), entry()], "pulls": []}
    _, entries = read_archive(write(tmp_path, archive))
    assert [each.labels for each in entries] == [{"BUG": "#d73a4a", "a b": None, "x" * 49 + "…": None}, {}, {}]


def test_an_author_is_a_login_in_one_line_or_empty_where_github_forgot_it(tmp_path: Path) -> None:
    written = [entry(author="quill"), entry(author=" a\tb\0 "), entry(author=None), entry()]
    _, entries = read_archive(write(tmp_path, {"issues": written, "pulls": []}))
    assert [each.author for each in entries] == ["quill", "a b\N{REPLACEMENT CHARACTER}", "", ""]
