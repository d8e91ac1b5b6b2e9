"""A REST API over HTTP, against a stand-in on this machine."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pipetrail_producers.importers.errors import AccessError, NothingThereError, RestError, UnavailableError
from pipetrail_producers.importers.rest.client import ATTEMPTS, Client
from support.rest_stand_in import Asked, Reply, StandIn, stand_in

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HEADERS = {"Authorization": "Bearer t0ken"}


class Waits:
    """Stands in for the clock and the sleep: what was waited and said."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.said: list[str] = []

    def client(self, server: StandIn) -> Client:
        """A client that waits here."""
        return Client(f"{server.url}/api", HEADERS, say=self.said.append, sleep=self.slept.append, clock=lambda: NOW)


def members(client: Client, **options: Any) -> list[Any]:
    """All members of the list `things`."""
    return [member for page in client.pages("things", **options) for member in page.items]


def test_a_list_is_followed_to_its_end_and_can_be_entered_half_way() -> None:
    """Pages by the Link header; a page's `next` is where a later reading goes on."""
    with stand_in(lambda server, asked: server.paged(asked, list(range(7)), 3, "things")) as server:
        client = Waits().client(server)
        pages = list(client.pages("things", {"per_page": "3"}, members="things"))
        assert [page.items for page in pages] == [[0, 1, 2], [3, 4, 5], [6]]
        assert members(client, members="things", start=pages[0].next) == [3, 4, 5, 6]
        assert pages[-1].next is None
    assert server.asked[0].query == {"per_page": "3"}
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer t0ken"}


@pytest.mark.parametrize(("told", "left"), [("last", [9, 6, 1]), ("pages", [9, 6, 1]), ("", [None, None, 1])])
def test_how_much_is_left_is_what_the_answers_tell(told: str, left: list[int | None]) -> None:
    """By the link to the last page, or by the number of pages; a list that was entered half-way has less before it."""
    with stand_in(lambda server, asked: server.paged(asked, list(range(7)), 3, told=told)) as server:
        client = Waits().client(server)
        pages = list(client.pages("things"))
        assert [page.left for page in pages] == left
        assert [page.left for page in client.pages("things", start=pages[0].next)] == left[1:]


@pytest.mark.parametrize("number", ["", "x", "-1", "0", "1" * 5000, "٣"])
def test_a_number_of_pages_that_is_none_tells_nothing(number: str) -> None:
    """A header is somebody else's text."""

    def answer(server: StandIn, asked: Asked) -> Reply:
        page = server.paged(asked, [1, 2], 1)
        return page._replace(headers={**page.headers, "X-Total-Pages": quote(number)})

    with stand_in(answer) as server:
        assert [page.left for page in Waits().client(server).pages("things")] == [None, 1]


def test_a_rate_limit_is_waited_out_and_said() -> None:
    """429 with Retry-After: the same page is asked for again after so long, and a sentence says why nothing moves."""

    def answer(server: StandIn, asked: Asked) -> Reply:
        return Reply({}, 429, {"Retry-After": "30"}) if len(server.asked) == 1 else Reply([1])

    waits = Waits()
    with stand_in(answer) as server:
        assert members(waits.client(server)) == [1]
    assert waits.slept == [31.0]
    assert waits.said == ["429 Too Many Requests: waiting 31 s"]


def test_the_last_allowed_request_is_good_and_the_next_one_waits() -> None:
    """X-RateLimit-Remaining 0 on a good answer: the pause comes before the next request."""
    reset = str(int(NOW.timestamp()) + 20)

    def answer(server: StandIn, asked: Asked) -> Reply:
        page = server.paged(asked, [1, 2], 1)
        return page._replace(headers={**page.headers, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})

    waits = Waits()
    with stand_in(answer) as server:
        assert members(waits.client(server)) == [1, 2]
    assert waits.slept == [21.0]


def test_an_outage_is_sat_out_for_a_while_and_then_told() -> None:
    """Failures that may pass are retried with growing waits; when they do not pass, the command can be repeated."""
    waits = Waits()
    with (
        stand_in(lambda _server, _asked: Reply({}, 503)) as server,
        pytest.raises(UnavailableError, match="503") as caught,
    ):
        members(waits.client(server))
    assert len(server.asked) == ATTEMPTS
    assert waits.slept == [1, 2, 4, 8, 16, 32, 60]
    assert caught.value.exit_code == 75


def test_no_server_is_an_outage() -> None:
    """A refused connection is no exception of the HTTP library's."""
    with stand_in(lambda _server, _asked: Reply([])) as server:
        pass
    with pytest.raises(UnavailableError, match="ConnectionError"):
        members(Waits().client(server))


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AccessError), (403, AccessError), (404, NothingThereError), (410, NothingThereError), (422, RestError)],
)
def test_a_refusal_is_told_at_once(status: int, error: type[RestError]) -> None:
    """What waiting does not change is not asked twice."""
    with stand_in(lambda _server, _asked: Reply({}, status)) as server, pytest.raises(error, match=str(status)):
        Waits().client(server).get("things")
    assert len(server.asked) == 1


def test_the_token_stays_with_its_origin() -> None:
    """A next page or a redirect somewhere else is refused before anything is sent there."""
    with stand_in(lambda _server, _asked: Reply([])) as thief:

        def answer(server: StandIn, asked: Asked) -> Reply:
            if asked.path.endswith("things"):
                return Reply([1], headers={"Link": f'<{thief.url}/next>; rel="next"'})
            return Reply([], 302, {"Location": f"{thief.url}/there"})

        with stand_in(answer) as server:
            with pytest.raises(RestError, match="the token stays"):
                members(Waits().client(server))
            with pytest.raises(RestError, match="the token stays"):
                Waits().client(server).get("moved")
    assert thief.asked == []


def test_a_redirect_within_the_origin_is_followed() -> None:
    """A renamed repository answers with 301 to itself under its new name; a circle of them ends."""

    def answer(server: StandIn, asked: Asked) -> Reply:
        return (
            Reply("here")
            if asked.path == "/new"
            else Reply(None, 301, {"Location": "/round" if "round" in asked.path else "/new"})
        )

    with stand_in(answer) as server:
        assert Waits().client(server).get("old") == "here"
        with pytest.raises(RestError, match="redirects"):
            Waits().client(server).get("round")


def test_a_netrc_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password in .netrc for the same host is not sent in the token's place."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with stand_in(lambda _server, _asked: Reply([])) as server:
        Waits().client(server).get("things")
    assert server.asked[0].headers["authorization"] == "Bearer t0ken"


def test_an_answer_that_is_no_json_says_so() -> None:
    """A login page in the place of the API is named as what it is."""
    with stand_in(lambda _server, _asked: Reply(b"<html>")) as server, pytest.raises(RestError, match="no JSON"):
        Waits().client(server).get("things")
