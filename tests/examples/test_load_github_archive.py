"""The archive loader: what it makes of each entry, how it speaks to a service, what it says when that fails."""

from __future__ import annotations

import json
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from examples.load_github_archive import Client, LoadFailed, comments, main, printable, read_archive, shortened, task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL = Path(__file__).parents[2] / "examples" / "small-archive.json"

Reply = tuple[int, dict[str, Any], dict[str, str]]
BUSY: Reply = (503, {"detail": "busy", "outcome": "not_applied"}, {"Retry-After": "0"})


def entry(**fields: Any) -> dict[str, Any]:
    """An issue as GitHub's export writes it, but for `fields`."""
    return {"number": 7, "title": "Wax the hull", "body": "With a candle.", "state": "OPEN", **fields}


def write(path: Path, archive: object) -> Path:
    """`archive` as a file."""
    file = path / "archive.json"
    file.write_text(json.dumps(archive), encoding="utf-8")
    return file


@contextmanager
def answering(reply: Callable[[str, str, Any], Reply]) -> Iterator[str]:
    """A real HTTP server whose answers `reply(method, path, body)` gives; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, document, headers = reply(self.command, self.path, body)
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815  (http.server calls them by these names)

        def log_message(self, *_: object) -> None:
            """Says nothing: the test's output is not a log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- archive -> tasks


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


def test_a_file_that_is_missing_or_not_json_is_named(tmp_path: Path) -> None:
    assert main([str(tmp_path / "none.json")]) == f"Can't read {tmp_path / 'none.json'}: No such file or directory."
    (tmp_path / "text.json").write_text("{", encoding="utf-8")
    assert str(main([str(tmp_path / "text.json")])).startswith(f"{tmp_path / 'text.json'} is not JSON:")


# --- HTTP


def test_a_busy_service_is_asked_again() -> None:
    replies = iter([BUSY, (429, {"detail": "slower"}, {"Retry-After": "0"}), (201, {"id": "1"}, {})])
    with answering(lambda *_: next(replies)) as url, closing(Client(url)) as client:
        assert client.expect(201, "POST", "/tasks", {}) == {"id": "1"}


def test_a_service_that_stays_busy_is_given_up_after_six_tries() -> None:
    asked = []

    def reply(*request: Any) -> Reply:
        asked.append(request)
        return BUSY

    with answering(reply) as url, closing(Client(url)) as client, pytest.raises(LoadFailed, match="503 busy"):
        client.expect(201, "POST", "/tasks", {})
    assert len(asked) == 6


def test_a_write_whose_outcome_is_unknown_is_not_sent_twice() -> None:
    asked = []

    def reply(*request: Any) -> Reply:
        asked.append(request)
        return 503, {"detail": "lost at COMMIT", "outcome": "unknown"}, {"Retry-After": "0"}

    with answering(reply) as url, closing(Client(url)) as client, pytest.raises(LoadFailed, match="lost at COMMIT"):
        client.expect(201, "POST", "/tasks", {})
    assert len(asked) == 1


def test_a_refusal_is_printed_with_the_fields_it_names() -> None:
    problem = {"detail": "1 field is wrong", "errors": [{"pointer": "/title", "message": "too long"}]}
    with answering(lambda *_: (422, problem, {})) as url, closing(Client(url)) as client:
        message = "POST /tasks: 422 1 field is wrong; /title: too long"
        with pytest.raises(LoadFailed, match=f"^{message}$"):
            client.expect(201, "POST", "/tasks", {})


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


# --- the whole way


class Tracker:
    """As much of the service as the loader uses; `lost` tasks are acknowledged and not kept."""

    def __init__(self, lost: int = 0) -> None:
        self.tasks: list[dict[str, Any]] = []
        self.comments: list[list[str]] = []
        self.labels: list[dict[str, Any]] = []
        self.lost = lost
        self._lock = threading.Lock()

    def reply(self, method: str, path: str, body: Any) -> Reply:
        """The answer to one request."""
        if method == "POST":
            return self.written(path, body)
        if "status=" not in path:
            return 200, self.page(1 if "cursor=" in path else 0), {}
        wanted = "done" if "status=completed" in path else "todo"
        there = sum(each["status"] == wanted for each in self.tasks)
        if "count=exact" not in path:
            return 200, {"total": there - 1, "total_is_exact": False}, {}
        return 200, {"total": there - (self.lost if wanted == "done" else 0), "total_is_exact": True}, {}

    def written(self, path: str, body: Any) -> Reply:
        """The answer to something that is sent."""
        if path == "/api/v1/auth/register":
            return 409, {"detail": "This e-mail is registered already."}, {}
        if path == "/api/v1/auth/login":
            return 200, {"access_token": "token"}, {}
        if path == "/api/v1/projects":
            return 201, {"id": "p1", "key": "BOATS", "name": body["name"]}, {}
        if path == "/api/v1/projects/p1/labels":
            self.labels.append(body)
            return 201, {"id": f"l{len(self.labels)}"}, {}
        if path.endswith("/comments"):
            self.comments[int(path.split("/")[-2])].append(body["body"])
            return 201, {}, {}
        with self._lock:
            self.tasks.append(body)
            self.comments.append([])
            return 201, {"id": str(len(self.tasks) - 1)}, {}

    def page(self, number: int) -> dict[str, Any]:
        """The tasks in two pages."""
        counts = [{"comment_count": len(each)} for each in self.comments]
        return {"items": counts[5:] if number else counts[:5], "next_cursor": None if number else "second"}


def test_the_small_archive_goes_in_whole_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    tracker = Tracker()
    with answering(tracker.reply) as url:
        result = main([str(SMALL), "--url", url, "--email", "ada@example.com", "--password", "paper-boats"])
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
    assert output[0] == "Project BOATS (worklane/paper-boats): 12 tasks to load"
    assert output[-4:] == [
        "12/12 tasks",
        "open: 5 in Worklane, 5 in the archive",
        "done: 7 in Worklane, 7 in the archive",
        "comments: 3 in Worklane, 3 in the archive",
    ]


def test_labels_are_read_whether_they_are_texts_or_objects(tmp_path: Path) -> None:
    described = [{"name": "bug", "color": "d73a4a"}, {"name": "plain"}, "text"]
    named = ["BUG", {"name": " a\tb "}, {"name": None}, "", "x" * 51]
    archive = {"labels": described, "issues": [entry(labels=named), entry(labels=None), entry()], "pulls": []}
    _, entries = read_archive(write(tmp_path, archive))
    assert [each.labels for each in entries] == [{"BUG": "#d73a4a", "a b": None, "x" * 49 + "…": None}, {}, {}]


def test_counts_that_differ_are_a_failure() -> None:
    with answering(Tracker(lost=2).reply) as url:
        assert main([str(SMALL), "--url", url]) == "The service and the archive differ: done: 5 instead of 7."


def test_without_an_email_a_new_account_is_made_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(Tracker().reply) as url:
        assert main([str(SMALL), "--url", url, "--connections", "1"]) is None
    assert capsys.readouterr().out.startswith("New account: demo-")
