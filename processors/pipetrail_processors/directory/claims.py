"""Roles by what a job's token claims: `claims.yaml`. Only for an identity that the collector has proven.

    claims:
      - issuer: https://gitlab.example
        when: {user_access_level: [maintainer, owner], namespace_path: [acme, acme/*]}
        role: release_manager
        from: 2026-01-05

A line gives its role when every claim in `when` matches one of its patterns, while it is in force, by the event's time. The
role goes to whom the token names as the one who set the job off. Of somebody else, whom a job may write into its events, a
token proves nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pipetrail_schemas.claims import ACTOR, KEPT, OIDC, PREFIX
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from pipetrail_processors.directory.patterns import Patterns, matches
from pipetrail_processors.directory.person import Role

_NOTHING: Mapping[str, Any] = {}


class ClaimedRole(Role):
    """A role that goes to whom a token of the issuer names, when its claims match."""

    issuer: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
    when: Annotated[dict[str, Patterns], Field(min_length=1)]

    @field_validator("when")
    @classmethod
    def _are_kept(cls, when: dict[str, Patterns]) -> dict[str, Patterns]:
        unknown = sorted(when.keys() - set(KEPT))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no claim that is kept; there are: {', '.join(KEPT)}")
        return when

    def given(self, claims: Mapping[str, str], time: str) -> bool:
        """Whether somebody with the claims had the role then (canonical time)."""
        return (
            claims.get("iss") == self.issuer
            and self.held(time)
            and all(matches(patterns, claims.get(name, "").casefold()) for name, patterns in self.when.items())
        )


class ClaimsFile(BaseModel):
    """`claims.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claims: tuple[ClaimedRole, ...]


def proven_claims(content: Mapping[str, Any]) -> dict[str, str]:
    """What was proven of an event's sender; nothing where it was not by a token, or where the claims are another one's."""
    if content.get("authtype") != OIDC:
        return {}
    labels = ((content.get("data") or _NOTHING).get("pipetrail") or _NOTHING).get("labels") or _NOTHING
    claims = {name.removeprefix(PREFIX): text for name, text in labels.items() if name.startswith(PREFIX)}
    issuer = claims.get("iss", "").rstrip("/")
    return claims if issuer and str(content.get("authid") or "").startswith(f"{issuer}/") else {}


def names_actor(claims: Mapping[str, str], user: Mapping[str, Any]) -> bool:
    """Whether the claims name that user: by id where both tell one, else by address, else by login."""
    for field, names in ACTOR.items():
        claimed = {claims[name].casefold() for name in names if claims.get(name)}
        if claimed and user.get(field):
            return str(user[field]).casefold() in claimed
    return False


def roles_by(roles: Iterable[ClaimedRole], claims: Mapping[str, str], time: str) -> list[str]:
    """The roles that the claims gave then."""
    return sorted({role.role for role in roles if role.given(claims, time)})
