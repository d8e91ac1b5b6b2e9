"""The report: one self-contained HTML file that tells a period of deliveries. `write` makes it."""

from pipetrail_review.report.document import Told, write

__all__ = ["Told", "write"]
