"""What the translators of forges (GitHub, GitLab, Bitbucket) share: making a fact, and naming a field that is not there."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import UntranslatableError
from pipetrail_producers.webhook.values import Data, merged, name, vcs_repository


class Forge(NamedTuple):
    """A kind of forge, by the name that stands in its facts' ids and in errors."""

    system: str

    def fact(
        self,
        type_: str,
        time: datetime,
        key: tuple[str, str],
        data: Mapping[str, Any],
        *,
        instance: str,
        repository: str | None,
        state: str,
        attempt: int = 1,
        subject: str | None,
    ) -> Fact:
        """A fact of a repository (canonical URL) where there is one; `key` is kind and native id, within the instance."""
        where: Data = {"vcs": {"repository": vcs_repository(repository)}, "cicd": {"system": self.system}}
        kind, native_id = key
        return Fact(
            type=type_,
            time=time,
            provider=self.system,
            instance=instance,
            kind=kind,
            native_id=native_id,
            attempt=attempt,
            state=state,
            data=merged(where, data),
            subject=subject or native_id,
        )

    def required(self, payload: Any, path: str, kind: str) -> str:
        """A name that this kind always has.

        Raises:
            UntranslatableError: it is not there.
        """
        return name(payload, path) or self.missing(kind, path)

    def part(self, payload: Any, path: str, kind: str) -> Mapping[str, Any]:
        """An object that this kind always has.

        Raises:
            UntranslatableError: it is not there.
        """
        found = at(payload, path)
        return found if isinstance(found, Mapping) else self.missing(kind, path)

    def missing(self, kind: str, path: str) -> NoReturn:
        """Say that a field is not there.

        Raises:
            UntranslatableError: always.
        """
        raise UntranslatableError(f"{self.system} {kind}: {path} is missing, or not what it always is")
