"""The archive loader as a whole: what it sends, what it compares and prints, what it says when that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples.authors import address
from examples.github_archive import read_archive
from examples.load_github_archive import main
from service.features.accounts.addresses import email_problem
from tests.support.tracker import BUSY, Reply, Tracker, answering

SMALL = Path(__file__).parents[2] / "examples" / "small-archive.json"
ADA = ["--email", "ada@example.com", "--password", "paper-boats"]


def test_a_file_that_is_missing_or_not_json_is_named(tmp_path: Path) -> None:
    assert main([str(tmp_path / "none.json")]) == f"Can't read {tmp_path / 'none.json'}: No such file or directory."
    (tmp_path / "text.json").write_text("{", encoding="utf-8")
    assert str(main([str(tmp_path / "text.json")])).startswith(f"{tmp_path / 'text.json'} is not JSON:")


def test_an_address_where_nothing_listens_says_how_to_start_a_service() -> None:
    with answering(lambda *_: BUSY) as url:
        pass
    assert str(main([str(SMALL), "--url", url])).startswith(f"{url}: no answer (")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    assert "expected for example http://127.0.0.1:8000" in str(main([str(SMALL), "--url", url]))


def test_an_email_without_a_password_and_without_a_terminal_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    monkeypatch.delenv("DEMO_PASSWORD", raising=False)
    assert main([str(SMALL), "--email", "ada@example.com"]) == (
        "No password for ada@example.com: set DEMO_PASSWORD, or pass --password."
    )


def test_the_small_archive_goes_in_whole_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    tracker = Tracker()
    with answering(tracker.reply) as url:
        result = main([str(SMALL), "--url", url, *ADA])
    assert result is None
    assert sorted(each["title"] for each in tracker.tasks) == sorted(each.task["title"] for each in read_archive(SMALL)[1])
    assert {each["project_id"] for each in tracker.tasks} == {"p1"}
    said = [texts for texts in tracker.comments if len(texts) == 2]
    assert said == [
        ["**quill** wrote:\n\nThe pointed end.\n\nBoth are pointed, I know.", "**tern** wrote:\n\nDraw an arrow → then."]
    ]
    assert tracker.labels == [
        {"name": "bug", "color": "#d73a4a"},
        {"name": "good first boat", "color": "#7057ff"},
        {"name": "question"},
    ]
    labelled = {each["title"]: each["label_ids"] for each in tracker.tasks if each["label_ids"]}
    assert labelled == {
        "Boats take on water after ten minutes": ["l1"],
        "Say which way is forward": ["l2", "l3"],
        "Wax the hull": ["l1"],
    }
    output = capsys.readouterr().out.splitlines()
    assert output[:2] == [
        "Project BOATS (worklane/paper-boats): 12 tasks to load",
        "3 authors are left out, since only an admin makes accounts: the tasks are assigned to nobody",
    ]
    assert (tracker.users, tracker.members) == ([], [])
    assert {each["assignee_id"] for each in tracker.tasks} == {None}
    assert output[-4:] == [
        "12/12 tasks",
        "open: 5 in Worklane, 5 in the archive",
        "done: 7 in Worklane, 7 in the archive",
        "comments: 3 in Worklane, 3 in the archive",
    ]


def test_counts_that_differ_are_a_failure() -> None:
    with answering(Tracker(lost=2).reply) as url:
        assert main([str(SMALL), "--url", url]) == "The service and the archive differ: done: 5 instead of 7."


def test_without_an_email_a_new_account_is_made_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(Tracker().reply) as url:
        assert main([str(SMALL), "--url", url, "--connections", "1"]) is None
    assert capsys.readouterr().out.startswith("New account: demo-")


def test_an_admin_makes_accounts_for_the_authors_and_gives_them_their_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    tracker = Tracker(role="admin")
    with answering(tracker.reply) as url:
        assert main([str(SMALL), "--url", url, *ADA]) is None
    assert tracker.users == [
        {"id": "u0", "email": "fold-bot%5bbot%5d@authors.example.com", "full_name": "fold-bot[bot]", "role": "user"},
        {"id": "u1", "email": "quill@authors.example.com", "full_name": "quill", "role": "user"},
        {"id": "u2", "email": "tern@authors.example.com", "full_name": "Tern", "role": "user"},
    ]
    assert tracker.members == ["u0", "u1", "u2"]
    assigned = {each["title"]: each["assignee_id"] for each in tracker.tasks if each["assignee_id"] != "u1"}
    assert {title[:12]: assigned[title] for title in assigned if assigned[title]} == {
        "Say which wa": "u2",
        "Wax the hull": "u2",
        "Paint the bo": "u2",
        "Control�char": "u0",
    }
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "assigned to nobody: 5 in Worklane, 5 in the archive",
        "assigned to Tern: 3 in Worklane, 3 in the archive",
        "assigned to quill: 3 in Worklane, 3 in the archive",
        "assigned to fold-bot[bot]: 1 in Worklane, 1 in the archive",
    ]


def test_accounts_that_an_earlier_load_made_are_found_again() -> None:
    tracker = Tracker(role="admin")
    lookalike = {"id": "u9", "email": "not-tern@authors.example.com"}
    tracker.users = [lookalike, {"id": "u7", "email": "tern@authors.example.com"}]
    with answering(tracker.reply) as url:
        assert main([str(SMALL), "--url", url, *ADA]) is None
    assert [each["assignee_id"] for each in tracker.tasks].count("u7") == 3
    assert "u7" in tracker.members
    assert "u9" not in tracker.members


def test_an_author_whose_account_cannot_be_made_is_named() -> None:
    tracker = Tracker(role="admin")

    def reply(method: str, path: str, body: Any) -> Reply:
        if (method, path) == ("POST", "/api/v1/users"):
            return 422, {"detail": "The name is wrong."}, {}
        return tracker.reply(method, path, body)

    with answering(reply) as url:
        assert main([str(SMALL), "--url", url, *ADA]) == (
            "Can't make an account for fold-bot[bot] with the address fold-bot%5bbot%5d@authors.example.com: "
            "422 The name is wrong."
        )


def test_tasks_that_somebody_else_has_are_a_failure() -> None:
    tracker = Tracker(role="admin")

    def reply(method: str, path: str, body: Any) -> Reply:
        if path == "/api/v1/tasks" and body["assignee_id"] == "u0":
            body["assignee_id"] = "u8"
        return tracker.reply(method, path, body)

    with answering(reply) as url:
        assert main([str(SMALL), "--url", url, *ADA]) == (
            "The service and the archive differ: assigned to fold-bot[bot]: 0 instead of 1; assigned to u8: 1 instead of 0."
        )


def test_every_login_has_an_address_of_its_own_whatever_its_capitals() -> None:
    logins = ["a.b", "a-b", "a_b", "A-B", "a@b", ".", "é"]
    addresses = [address(login) for login in logins]
    assert addresses[1] == addresses[3]
    assert len(set(addresses)) == 6
    assert [email_problem(each) for each in addresses] == [None] * 7
