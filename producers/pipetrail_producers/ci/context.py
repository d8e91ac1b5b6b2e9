"""What is known of where a command runs: the CI run, the repository, the commit, the actor.

One value for every system, so that nobody but the module of a system knows its variables. The modules hand over what the
system says as it says it; `cleaned` turns it into what an event may carry. Standard library only: it is on the agent's
start-up path.
"""

import re
from dataclasses import dataclass, fields, replace
from urllib.parse import urlsplit, urlunsplit

from pipetrail_schemas.ids import canonical_repository

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True)
class Context:
    """Where a command runs. What a system does not say is None.

    `run_id` is the system's own key of the run; it is unique within provider, instance and repository (some systems count
    their runs anew in every repository). `commit` is the commit that is built or deployed; where a system tests a temporary
    merge of a pull request, that merge is `test_merge_revision`, and `commit` and `change_head_revision` are the request's
    head. `actor_name` is the login where the system has logins.
    """

    provider: str
    instance: str
    repository: str | None = None
    repository_name: str | None = None
    commit: str | None = None
    ref_name: str | None = None
    ref_type: str | None = None
    base_ref: str | None = None
    change_id: str | None = None
    change_head_revision: str | None = None
    test_merge_revision: str | None = None
    pipeline_name: str | None = None
    run_id: str | None = None
    run_attempt: int | None = None
    run_url: str | None = None
    task_name: str | None = None
    task_id: str | None = None
    task_url: str | None = None
    worker_name: str | None = None
    actor_id: str | None = None
    actor_name: str | None = None
    actor_email: str | None = None
    actor_type: str | None = None
    trigger: str | None = None
    environment: str | None = None


def cleaned(raw: Context) -> Context:
    """The context as an event may carry it.

    Empty texts become None, URLs lose credentials, the repository gets its canonical spelling (None where the text names none),
    a commit that is no hexadecimal id ("HEAD") goes.
    """
    texts = {field.name: _text(getattr(raw, field.name)) for field in fields(raw) if field.name != "run_attempt"}
    for name in ("instance", "run_url", "task_url"):
        texts[name] = without_credentials(texts[name])
    for name in ("commit", "change_head_revision", "test_merge_revision"):
        texts[name] = _commit(texts[name])
    texts["repository"] = repository_url(texts["repository"])
    texts["repository_name"] = repository_name(texts["repository_name"] or texts["repository"])
    return replace(raw, **texts)  # type: ignore[arg-type]  # every field but run_attempt is text


def repository_url(text: str | None) -> str | None:
    """The canonical URL of what a system calls its repository, None where it names none (an S3 archive, say)."""
    if not text or text.startswith("arn:"):
        return None
    try:
        return canonical_repository(text)
    except ValueError:
        return None


def repository_name(text: str | None) -> str | None:
    """A repository's own name, without owner or group (OpenTelemetry's `vcs.repository.name`), from full name or URL."""
    return (text or "").rstrip("/").rpartition("/")[2] or None


def without_credentials(url: str | None) -> str | None:
    """The URL without user and password; None where it is no absolute URL, which an event could not carry."""
    if not url or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:.", url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def origin(url: str | None) -> str | None:
    """Scheme and host of a URL: the instance that serves it."""
    clean = without_credentials(url)
    if clean is None or "://" not in clean:
        return None
    parts = urlsplit(clean)
    return f"{parts.scheme}://{parts.netloc}"


def count(text: str | None) -> int | None:
    """A number counted from 1, None where the text is none."""
    return int(text) if text and text.isascii() and text.isdigit() and int(text) >= 1 else None


def _text(value: str | None) -> str | None:
    return value.strip() or None if value else None


def _commit(text: str | None) -> str | None:
    lowered = (text or "").lower()
    return lowered if _COMMIT.fullmatch(lowered) else None
