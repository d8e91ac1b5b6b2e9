"""Where a gate's verdicts go: to Kafka or the collector through the recorder, and to a file.

The verdict stands whatever becomes of its events, and that they were not delivered is said on stderr; but a commit that was let
through is let through only when that is on record.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import IO, Any

from pipetrail_schemas.times import now

from pipetrail_producers.annotate import warn
from pipetrail_producers.ci.context import Context
from pipetrail_producers.errors import SpoolError
from pipetrail_producers.patience import until_signalled
from pipetrail_producers.policy.judge import Verdict
from pipetrail_producers.policy.verdict_event import events_of
from pipetrail_producers.recorder import Recorder
from pipetrail_producers.redact import Redactor


class Outlets:
    """The outlets that there are: a recorder, a stream of bytes, both or none."""

    def __init__(self, recorder: Recorder | None, stream: IO[bytes] | None) -> None:
        self._recorder = recorder
        self._stream = stream

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self._recorder is not None or self._stream is not None

    def tell(self, verdicts: Sequence[Verdict], context: Context) -> bool:
        """Send and write the events of verdicts; True when there are some and one outlet at least has them all.

        Raises:
            InvalidEventError: the context holds something that an event cannot carry.
            SettingError: librdkafka does not accept the configured properties.
        """
        if not self:
            return False
        redactor, moment = Redactor(os.environ), now()
        events = [event for verdict in verdicts for event in events_of(verdict, context, moment, redactor)]
        if verdicts and not events:
            warn(os.environ, "the verdicts are not recorded: it is not known which repository this is (PIPETRAIL_REPOSITORY)")
        if self._stream is not None:
            for event in events:
                self._stream.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        recorded = self._record(events)
        return bool(events) and (recorded or self._stream is not None)

    def _record(self, events: Sequence[Mapping[str, Any]]) -> bool:
        if self._recorder is None or not events:
            return False
        with until_signalled() as cancelled:
            try:
                recorded = self._recorder.finish(self._recorder.messages(events), cancelled=cancelled)
            except SpoolError as exc:
                warn(os.environ, str(exc))
                return False
        for note in recorded.notes:
            warn(os.environ, note)
        if recorded.problem:
            warn(os.environ, f"{recorded.spooled} of {len(events)} verdicts were not delivered: {recorded.problem}")
        return True
