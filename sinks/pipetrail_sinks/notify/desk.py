"""The desk: takes findings in, and decides with the state at hand which messages go to which channel, and when.

What is decided stands in `conversation`, `routes`, `throttle` and `quiet`, which are pure; here they meet the state. Each call
is one transaction: either all that follows from a finding is on disk, or nothing, and the finding comes again.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from pipetrail_schemas.finding import SEVERITY_NUMBERS, Finding

from pipetrail_sinks.notify.alert import MOST_ITEMS, Alert, Item, alert_id, item_of
from pipetrail_sinks.notify.conversation import Act, Sight, advance, observe
from pipetrail_sinks.notify.records import Kept, Records, Traffic
from pipetrail_sinks.notify.routes import Lane, Routes, group_key
from pipetrail_sinks.notify.store import Store

# How much longer than `max_age` what was told is remembered: far more than clocks and time zones can differ.
_MARGIN = timedelta(days=90)

# How often what is long over is forgotten.
_TIDY_EVERY = timedelta(days=1)

_log = structlog.get_logger("pipetrail.notify")


class Desk:
    """Decides. One thread at a time. `deaf` are the channels that are not told of acknowledgements."""

    def __init__(self, store: Store, routes: Routes, *, deaf: frozenset[str] = frozenset()) -> None:
        self._store = store
        self._routes = routes
        self._lanes = routes.by_key
        self._deaf = deaf
        self._tidied: datetime | None = None

    def take(self, findings: Sequence[Finding], now: datetime) -> list[str]:
        """Take findings in; what they cause is in the queues, on disk, when this returns.

        Returns:
            The channels that have something to send.

        Raises:
            StateError: the state cannot be written; nothing was taken.
        """
        with self._store.transaction() as records:
            touched: dict[str, None] = {}
            for finding in findings:
                touched |= dict.fromkeys(self._see(records, item_of(finding, self._routes.links), now))
            # What has waited goes first; what comes goes in the order in which it came.
            waited = [conversation for conversation in records.due(now) if conversation not in touched]
            return self._advance(records, [*waited, *touched], now)

    def tick(self, now: datetime) -> tuple[list[str], datetime | None]:
        """Do what has fallen due. Returns the channels that have something to send, and when to call again.

        Raises:
            StateError: the state cannot be written; call again.
        """
        with self._store.transaction() as records:
            if self._tidied is None or now - self._tidied >= _TIDY_EVERY:
                records.forget(now - self._routes.max_age - _MARGIN)
                self._tidied = now
            woken = self._advance(records, records.due(now), now)
            return woken, records.next_due()

    def adopt(self, now: datetime) -> None:
        """At start: what waits on a lane that the routes have no more is routed anew.

        Raises:
            StateError: the state cannot be written.
        """
        with self._store.transaction() as records:
            for conversation, lane in records.waiting_lanes():
                if lane not in self._lanes:
                    self._route_anew(records, conversation, now)

    def _see(self, records: Records, item: Item, now: datetime) -> list[str]:
        """Take note of a finding wherever it belongs; the conversations that may have something to tell by it."""
        if item.category == "override":
            records.note_override(item, counts=item.status not in {"withdrawn", "excluded"})
        known = {(place.channel, place.step): place.conversation for place in records.places(item.finding)}
        fresh = item.moment > now - self._routes.max_age
        touched = []
        for lane in self._routes.lanes(item):
            name = group_key(lane.route.group, item)
            conversation = known.pop((lane.channel, lane.step), None) or _conversation_id(lane, name)
            kept = records.conversation(conversation) or _empty(conversation, lane, name)
            if kept.lane not in self._lanes:
                kept = replace(kept, lane=lane.key)  # its route is gone, and this one leads to the same channel
            _note(records, kept, item, lane.route.due(item.severity, lane.step, now) if fresh else None, now)
            touched.append(conversation)
        # A finding that became less severe may have left its route: what was told of it is still to be closed.
        for conversation in known.values():
            if kept_before := records.conversation(conversation):
                _note(records, kept_before, item, None, now)
                touched.append(conversation)
        return touched

    def _advance(self, records: Records, conversations: Iterable[str], now: datetime) -> list[str]:
        woken: dict[str, None] = {}
        for conversation in dict.fromkeys(conversations):
            kept = records.conversation(conversation)
            lane = self._lanes.get(kept.lane) if kept else None
            if kept is None or lane is None:
                continue
            kept = self._throttled(records, kept, lane, now)
            state, acts = advance(kept.state, now, step=lane.step)
            for act in acts:
                if self._tell(records, kept, lane, act, now):
                    woken[lane.channel] = None
            if state is not kept.state:
                records.keep(kept, state, now)
        return list(woken)

    def _throttled(self, records: Records, kept: Kept, lane: Lane, now: datetime) -> Kept:
        """The conversation without what would exceed the throttle: that waits in the lane's digest until there is room."""
        throttle, pending = lane.route.throttle, kept.state.pending
        if throttle is None or not pending or (kept.state.due or now) > now:
            return kept
        if SEVERITY_NUMBERS[pending[0].severity] >= SEVERITY_NUMBERS[lane.route.throttle_unless]:
            return kept
        traffic = records.traffic(lane.key)
        free = throttle.free_at(traffic.sent, now)
        if free <= now:
            return kept
        moved = {one.finding: replace(one, due=free) for one in pending}
        if not kept.digest:
            name = f"digest:{traffic.digests}"
            digest_id = _conversation_id(lane, name)
            digest = records.conversation(digest_id) or replace(_empty(digest_id, lane, name), digest=True)
            records.keep(digest, replace(digest.state, members={**digest.state.members, **moved}), now)
            moved = {}
        waiting = {one.finding for one in pending}
        rest = {name: one for name, one in kept.state.members.items() if name not in waiting}
        records.keep(kept, replace(kept.state, members={**rest, **moved}), now)
        return records.conversation(kept.id) or kept

    def _tell(self, records: Records, kept: Kept, lane: Lane, act: Act, now: datetime) -> bool:
        """Queue the message about an act; whether there is one."""
        telling = act.kind in {"opened", "more", "escalated"}
        if telling:
            _count(records, kept, lane, now)
        if act.kind == "acknowledged" and lane.channel in self._deaf:
            return False
        items = records.items(kept.id, act.findings[:MOST_ITEMS])
        if telling:
            items = [records.with_overrides(item) for item in items]
        after = lane.route.escalate[lane.step - 1].after if lane.step else timedelta()
        alert = Alert(
            id=alert_id(kept.id, act.kind, ((name, kept.state.members[name].revision) for name in act.findings)),
            kind=act.kind,
            conversation=kept.id,
            channel=lane.channel,
            route=lane.route.name,
            time=now,
            items=tuple(items),
            more=len(act.findings) - len(items),
            digest=kept.digest,
            waited_s=int(after.total_seconds()),
        )
        return records.queue(alert, now)

    def _route_anew(self, records: Records, conversation: str, now: datetime) -> None:
        kept = records.conversation(conversation)
        if kept is None:
            return
        pending = [member.finding for member in kept.state.pending]
        items = records.items(conversation, pending)
        _log.warning("routes changed", gone=kept.lane, routed_anew=len(items))
        records.remove(kept, pending)
        for item in items:
            self._see(records, item, now)


def _note(records: Records, kept: Kept, item: Item, due: datetime | None, now: datetime) -> None:
    state = observe(kept.state, Sight(item.finding, item.revision, item.status, item.severity), due)
    if state is not kept.state:
        records.keep(kept, state, now, item)


def _count(records: Records, kept: Kept, lane: Lane, now: datetime) -> None:
    """A message goes over the lane: it counts for the throttle."""
    if lane.route.throttle is None:
        return
    traffic = records.traffic(lane.key)
    sent = (*lane.route.throttle.recent(traffic.sent, now), now)
    records.note_traffic(lane.key, Traffic(sent, traffic.digests + kept.digest))


def _empty(conversation: str, lane: Lane, name: str) -> Kept:
    return Kept(conversation, lane.key, lane.channel, lane.step, name)


def _conversation_id(lane: Lane, name: str) -> str:
    """The key of an incident or thread: the same for the same group of findings on the same lane."""
    return "pipetrail-" + hashlib.sha256(f"{lane.key} {name}".encode()).hexdigest()[:32]
