"""Tickets are looked up where the rules say: exists, missing and unverifiable are three states, in bounded time."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pipetrail_producers.importers.commit import Commit, Person
from pipetrail_producers.policy import report
from pipetrail_producers.policy.checks import Subject
from pipetrail_producers.policy.gather import with_tickets
from pipetrail_producers.policy.judge import judge
from pipetrail_producers.policy.lookup import Lookup, State
from pipetrail_producers.policy.rules import Policy, policy_of
from pipetrail_producers.policy.tracker import look_up
from pipetrail_schemas.errors import SettingError

EXISTS, MISSING, UNVERIFIABLE = State.EXISTS, State.MISSING, State.UNVERIFIABLE
# What each tracker serves, as its API documents it: status and JSON by path.
JIRA: dict[str, tuple[int, Any]] = {
    "/rest/api/2/issue/PAY-17?fields=summary": (200, {"key": "PAY-17", "fields": {"summary": "Retry"}}),
    "/rest/api/2/project/PAY": (200, {"key": "PAY"}),
}
GITHUB: dict[str, tuple[int, Any]] = {
    "/repos/acme/shop/issues/17": (200, {"number": 17}),
    "/repos/acme/shop/issues/18": (200, {"number": 18, "pull_request": {"url": "https://api.example/pulls/18"}}),
    "/repos/acme/shop/issues/19": (301, {"message": "Moved Permanently"}),
    "/repos/acme/shop/issues/20": (410, {"message": "This issue was deleted"}),
    "/repos/acme/shop": (200, {"full_name": "acme/shop"}),
}
GITLAB: dict[str, tuple[int, Any]] = {
    "/api/v4/projects/acme%2Fweb%2Fshop/issues/17": (200, {"iid": 17}),
    "/api/v4/projects/acme%2Fweb%2Fshop": (200, {"path_with_namespace": "acme/web/shop"}),
}
CLOSED: dict[str, tuple[int, Any]] = {"/rest/api/2/issue/PAY-17?fields=summary": (401, {})}
LOGIN_PAGE: dict[str, tuple[int, Any]] = {"/rest/api/2/issue/PAY-17?fields=summary": (200, None)}


@contextmanager
def tracker(pages: dict[str, tuple[int, Any]]) -> Iterator[tuple[str, list[str | None]]]:
    """A tracker on this machine; its address, and the authorizations that it was shown."""
    shown: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers["Authorization"])
            status, answer = pages.get(self.path, (404, {"message": "Not Found"}))
            body = b"<html>Log in" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", shown
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("system", "pages", "ticket", "expected"),
    [
        ("jira", JIRA, "PAY-17", EXISTS),
        ("jira", JIRA, "PAY-18", MISSING),
        ("jira", JIRA, "OPS-1", UNVERIFIABLE),  # a project that is not there, or that we may not see
        ("jira", JIRA, "#17", UNVERIFIABLE),
        ("jira", CLOSED, "PAY-17", UNVERIFIABLE),
        ("jira", LOGIN_PAGE, "PAY-17", UNVERIFIABLE),
        ("github", GITHUB, "#17", EXISTS),
        ("github", GITHUB, "#18", MISSING),  # a pull request
        ("github", GITHUB, "#19", EXISTS),  # moved to another repository
        ("github", GITHUB, "#20", MISSING),
        ("github", GITHUB, "#21", MISSING),
        ("github", {}, "#17", UNVERIFIABLE),
        ("github", GITHUB, "PAY-17", UNVERIFIABLE),
        ("gitlab", GITLAB, "#17", EXISTS),
        ("gitlab", GITLAB, "#18", MISSING),
    ],
)
def test_what_a_tracker_answers_is_one_of_three_states(system: Any, pages: Any, ticket: str, expected: State) -> None:
    """A 404 is "missing" only where the tracker shows what the ticket would stand in."""
    project = "acme/web/shop" if system == "gitlab" else "acme/shop"
    with tracker(pages) as (url, _):
        looked = look_up(Lookup(system, url, project, timeout=60), [ticket], {})[ticket]
    assert looked.state is expected
    assert bool(looked.why) == (expected is not EXISTS)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, None),
        ({"PIPETRAIL_TICKET_TOKEN": "t"}, "Bearer t"),
        ({"PIPETRAIL_TICKET_TOKEN": "t", "PIPETRAIL_TICKET_USER": "ada@acme.example"}, "Basic YWRhQGFjbWUuZXhhbXBsZTp0"),
        ({"GITHUB_TOKEN": "g"}, None),
    ],
)
def test_who_asks_shows_the_token_that_was_given_for_it(env: dict[str, str], expected: str | None) -> None:
    """Jira gets its own token, with the account where there is one, and never GitHub's."""
    with tracker(JIRA) as (url, shown):
        look_up(Lookup("jira", url, timeout=60), ["PAY-17"], env)
    assert shown == [expected]


def test_no_token_goes_over_the_network_in_clear() -> None:
    """To http on another machine nothing is sent that could be read on the way."""
    from pipetrail_producers.policy.tracker import _credentials  # noqa: PLC0415  # what would be sent, without sending it

    lookup = Lookup("jira", "http://jira.acme.example")
    assert _credentials(lookup, {"PIPETRAIL_TICKET_TOKEN": "t"}) == {}


def test_each_ticket_is_asked_for_once() -> None:
    """Ten commits of one ticket are one question."""
    with tracker(JIRA) as (url, shown):
        look_up(Lookup("jira", url, timeout=60), ["PAY-17"] * 10, {})
    assert len(shown) == 1


def test_a_silent_tracker_costs_the_bound_and_no_more() -> None:
    """However many tickets there are, the check goes on after its seconds; what was not answered is unverifiable."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lookup = Lookup("jira", f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=1)
        begin = time.monotonic()
        found = look_up(lookup, [f"PAY-{number}" for number in range(1, 20)], {})
    assert time.monotonic() - begin < 60
    assert {looked.state for looked in found.values()} == {UNVERIFIABLE}
    assert len(found) == 19


def judged(message: str, lookup: Lookup, *, ticket: str = "required") -> Any:
    """The verdict on a message, after a look-up."""
    person = Person("Ada", "ada@acme.example", 1)
    policy = Policy(ticket=ticket, ticket_lookup=lookup)  # type: ignore[arg-type]
    subject = Subject(Commit(["a" * 40], person, person, message, signed=False), "b" * 40)
    (found,) = with_tickets([subject], policy, {})
    return judge(found, policy)


def test_a_missing_ticket_is_refused_and_an_unverifiable_one_passes_unless_strict() -> None:
    """What cannot be asked stops nobody, and is said; with strict it is refused. A false ticket is refused, required or not."""
    with tracker(JIRA) as (url, _):
        missing = judged("PAY-18 retry on 503", Lookup("jira", url, timeout=60), ticket="optional")
    assert [refusal.problem for refusal in missing.refusals] == [f"there is no ticket PAY-18: {url} has no such ticket"]
    away = Lookup("jira", "http://127.0.0.1:9")
    passed = judged("PAY-18 retry on 503", away)
    assert passed.passes
    assert any("PAY-18 could not be verified" in line for line in report.lines([passed]))
    assert report.as_dict(passed)["ticket"]["state"] == "unverifiable"
    assert not judged("PAY-18 retry on 503", Lookup("jira", away.url, strict=True)).passes


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("jira", "is not a table"),
        ({"system": "bugzilla"}, "system: 'bugzilla' is not one of jira, github, gitlab"),
        ({"system": "jira"}, "url: None is not https://host"),
        ({"system": "jira", "url": "https://user:secret@jira"}, "is not https://host"),
        ({"system": "github"}, "project: '' is not owner/name"),
        ({"system": "github", "project": "acme/shop", "strict": "yes"}, "strict: 'yes' is not true or false"),
        ({"system": "github", "project": "acme/shop", "timeout": 0}, "timeout: 0 is not a number of seconds"),
        ({"system": "github", "project": "acme/shop", "tokn": "x"}, "tokn: is not known"),
    ],
)
def test_a_wrong_setting_is_named(table: object, said: str) -> None:
    """Where and what tickets are looked up with is checked like every other rule."""
    with pytest.raises(SettingError, match="ticket_lookup") as caught:
        policy_of({"ticket_lookup": table}, "rules")
    assert said in str(caught.value)


def test_the_defaults_are_those_of_the_public_forges() -> None:
    """GitHub and GitLab need no address."""
    policy = policy_of({"ticket_lookup": {"system": "github", "project": "acme/shop"}}, "rules")
    assert policy.ticket_lookup == Lookup("github", "https://api.github.com", "acme/shop")
