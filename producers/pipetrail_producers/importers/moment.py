"""A date or a time on the command line. click only."""

from datetime import UTC, datetime

import click
from pipetrail_schemas.times import parse_time


class Moment(click.ParamType):
    """A date (its beginning in UTC) or an RFC 3339 time with its zone."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment; a usage error says what is allowed."""
        text = str(value)
        try:
            return parse_time(text) if "T" in text else datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            self.fail(f"{text!r} is no date (2026-11-23) and no time with a zone (2026-11-23T09:02:11Z)", param, ctx)
