"""From views to HTML: one file that asks nobody for anything.

Everything that comes from a document is escaped by the template and made safe by `plain`; there is no script at all, and the
page's own Content Security Policy (CSP level 3) forbids scripts, requests and every style but its own, so that nothing that
slipped in could act.
"""

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pipetrail_review.text import plain

_HERE = files("pipetrail_review.report")


def render(views: dict[str, Any]) -> str:
    """The page of the views that the template names."""
    css = _HERE.joinpath("report.css").read_text(encoding="utf-8").strip()
    # A template of our own package: what it is given is data, never template source.
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_safe,
        keep_trailing_newline=True,
    )
    template = environment.from_string(_HERE.joinpath("report.html.j2").read_text(encoding="utf-8"))
    return template.render(css=Markup(css), policy=policy(css), **views)  # noqa: S704 - our own style sheet, in a style element


def policy(css: str) -> str:
    """The Content Security Policy: this style sheet and an empty icon, nothing else."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _safe(value: object) -> object:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
