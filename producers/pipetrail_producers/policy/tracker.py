"""Asks a ticket tracker over HTTP whether tickets exist, all of them within one bound of time. Standard library only.

    PIPETRAIL_TICKET_TOKEN   the token; without it GITHUB_TOKEN for GitHub, else nobody in particular asks
    PIPETRAIL_TICKET_USER    the account that the token belongs to, for Jira's cloud, which takes both as basic authentication

Whatever goes wrong makes a ticket unverifiable; nothing is raised. A token goes over https, or to this machine.
"""

import base64
import json
import queue
import threading
import time
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, Request

from pipetrail_producers.collector_access import THIS_MACHINE
from pipetrail_producers.http_client import opener_for
from pipetrail_producers.policy.lookup import Looked, Lookup, State, question, state_of

# A tracker is asked for a few tickets at once; more would be noticed there.
_THREADS = 4
_MAX_ANSWER_BYTES = 4 * 1024 * 1024
_NO_TIME = "the tracker has not answered in time"


def look_up(lookup: Lookup, tickets: Iterable[str], env: Mapping[str, str]) -> dict[str, Looked]:
    """What is known of each ticket, after `lookup.timeout` seconds at most."""
    wanted = list(dict.fromkeys(tickets))
    deadline = time.monotonic() + lookup.timeout
    found: dict[str, Looked] = {}
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    answers: queue.SimpleQueue[Looked] = queue.SimpleQueue()
    for ticket in wanted:
        waiting.put(ticket)
    asker = _Asker(lookup, env, deadline)
    for _ in range(min(_THREADS, len(wanted))):
        # Daemons: a name server that does not answer holds up neither the check nor its end.
        threading.Thread(target=_work, args=(asker, waiting, answers), daemon=True).start()
    while len(found) < len(wanted):
        try:
            looked = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[looked.ticket] = looked
    return {ticket: found.get(ticket, Looked(ticket, State.UNVERIFIABLE, _NO_TIME)) for ticket in wanted}


def _work(asker: "_Asker", waiting: "queue.SimpleQueue[str]", answers: "queue.SimpleQueue[Looked]") -> None:
    while True:
        try:
            ticket = waiting.get_nowait()
        except queue.Empty:
            return
        answers.put(asker.looked(ticket))


class _Asker:
    """One tracker, and how to show it who asks."""

    def __init__(self, lookup: Lookup, env: Mapping[str, str], deadline: float) -> None:
        self._lookup = lookup
        self._deadline = deadline
        self._headers = {"Accept": "application/json", "User-Agent": "pipetrail"} | _credentials(lookup, env)
        self._opener: OpenerDirector = opener_for(lookup.url)

    def looked(self, ticket: str) -> Looked:
        """The state of one ticket; never raises."""
        asked = question(self._lookup, ticket)
        if asked is None:
            return Looked(ticket, State.UNVERIFIABLE, f"is no ticket of {self._lookup.system}")
        try:
            status, answer = self._get(asked.ticket)
            state = state_of(status, answer, None)
            if state is None:
                status, _ = self._get(asked.container)
                state = state_of(404, None, status)
        except (OSError, HTTPException, ValueError) as exc:
            reason = getattr(exc, "reason", exc)
            return Looked(ticket, State.UNVERIFIABLE, f"{self._lookup.url} cannot be asked: {reason}")
        if state is State.EXISTS:
            return Looked(ticket, State.EXISTS)
        if state is State.MISSING:
            return Looked(ticket, State.MISSING, f"{self._lookup.url} has no such ticket")
        return Looked(ticket, State.UNVERIFIABLE, f"{self._lookup.url} answers {status}: may we see it?")

    def _get(self, url: str) -> tuple[int, Any]:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(_NO_TIME)
        request = Request(url, headers=self._headers)  # noqa: S310  # http(s) only, see lookup
        try:
            with self._opener.open(request, timeout=left) as response:
                return response.status, json.loads(response.read(_MAX_ANSWER_BYTES))
        except HTTPError as exc:
            exc.close()
            return exc.code, None


def _credentials(lookup: Lookup, env: Mapping[str, str]) -> dict[str, str]:
    token = env.get("PIPETRAIL_TICKET_TOKEN") or (env.get("GITHUB_TOKEN") if lookup.system == "github" else None)
    parts = urlsplit(lookup.url)
    if not token or (parts.scheme != "https" and parts.hostname not in THIS_MACHINE):
        return {}
    user = env.get("PIPETRAIL_TICKET_USER")
    if user:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()}
    return {"Authorization": f"Bearer {token}"}
