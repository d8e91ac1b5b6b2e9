"""What a terminal shows of what the review commands print."""

import io

from pipetrail_review.terminal import console
from rich.console import RenderableType


def printed(*parts: RenderableType, width: int | None = None, color: bool = False) -> str:
    """What a console writes of the parts."""
    stream = io.StringIO()
    screen = console(stream, width=width, color=color)
    for part in parts:
        screen.print(part)
    return stream.getvalue()
