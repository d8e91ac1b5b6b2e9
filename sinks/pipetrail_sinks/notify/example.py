"""An example of an alert, to see how a channel shows one and whether it arrives at all."""

from datetime import datetime

from pipetrail_sinks.notify.alert import Alert, Item


def example(channel: str, now: datetime) -> Alert:
    """The example, as sent to that channel at that time."""
    item = Item(
        finding="00000000-0000-5000-8000-000000000000",
        revision=1,
        status="open",
        severity="low",
        category="override",
        title="Example of an alert: nothing has happened",
        rule="example",
        rule_name="Example",
        why="Somebody wants to see whether alerts arrive here.",
        runbook=("Nothing is to be done.",),
        time=now,
        who="pipetrail notify",
        reason="to try the channel",
    )
    return Alert(
        id=f"msg_example{int(now.timestamp() * 1000)}",
        kind="test",
        conversation="pipetrail-example",
        channel=channel,
        route="example",
        time=now,
        items=(item,),
    )
