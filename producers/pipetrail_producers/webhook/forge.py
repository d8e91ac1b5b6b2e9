"""What the translators of forges (GitHub, GitLab, Bitbucket) share: where a fact is, and naming a field that is not there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, NoReturn

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import UntranslatableError
from pipetrail_producers.webhook.values import Data, merged, name, vcs_repository


class Forge(NamedTuple):
    """A kind of forge, by the name that stands in its facts' ids and in errors."""

    system: str

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


@dataclass(frozen=True, slots=True)
class ForgePlace:
    """An instance of a forge, and a repository of it where there is one; base of each forge's own.

    Args:
        instance: base URL, without a slash at its end; what native ids are unique within.
        repository: canonical URL.
        received: the time of what has none of its own.
    """

    forge: ClassVar[Forge]
    # Where a payload names its repository, for errors.
    address: ClassVar[str]

    instance: str
    repository: str | None
    received: datetime

    def need_repository(self, kind: str) -> str:
        """The canonical URL, for what means nothing without it.

        Raises:
            UntranslatableError: the payload names no repository.
        """
        if self.repository is None:
            raise UntranslatableError(f"{self.forge.system} {kind}: {self.address} is missing, or no repository's address")
        return self.repository

    def fact(
        self,
        type_: str,
        time: datetime | None,
        key: tuple[str, str],
        data: Mapping[str, Any],
        *,
        state: str = "",
        attempt: int = 1,
        subject: str | None = None,
    ) -> Fact:
        """A fact of this place; `key` is kind and native id, `time` None the time of receipt."""
        where: Data = {"vcs": {"repository": vcs_repository(self.repository)}, "cicd": {"system": self.forge.system}}
        kind, native_id = key
        return Fact(
            type=type_,
            time=time or self.received,
            provider=self.forge.system,
            instance=self.instance,
            kind=kind,
            native_id=native_id,
            attempt=attempt,
            state=state,
            data=merged(where, data),
            subject=subject or native_id,
        )
