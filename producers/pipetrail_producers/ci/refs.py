"""Branches and tags, in the spellings that CI systems use for them. Standard library only."""

from typing import NamedTuple

# In this order: refs/heads/origin/main is not a thing that git makes, but systems glue prefixes together.
_BRANCH_PREFIXES = ("refs/heads/", "refs/remotes/", "origin/")
_TAG_PREFIXES = ("refs/tags/", "tags/")


class Ref(NamedTuple):
    """A ref's short name and whether it is a "branch" or a "tag"; both None where there is none."""

    name: str | None
    type: str | None


NO_REF = Ref(None, None)


def branch(text: str | None) -> Ref:
    """The ref that a system calls a branch.

    `refs/heads/x`, `origin/x` and `x` are the branch x. Several systems call the checkout of a tag a branch named `tags/x`
    (`origin/tags/x`, `refs/heads/tags/x`): that is the tag x. `refs/pull/1/merge` is neither branch nor tag.
    """
    name = (text or "").strip()
    for prefix in _BRANCH_PREFIXES:
        name = name.removeprefix(prefix)
    short = _without_tag_prefix(name)
    if short != name:
        return Ref(short, "tag")
    return NO_REF if not name or name.startswith("refs/") else Ref(name, "branch")


def tag(text: str | None) -> Ref:
    """The ref that a system calls a tag, in any spelling."""
    name = branch(text).name
    return Ref(name, "tag") if name else NO_REF


def first(*refs: Ref) -> Ref:
    """The first of them that there is."""
    return next((ref for ref in refs if ref.name), NO_REF)


def _without_tag_prefix(name: str) -> str:
    for prefix in _TAG_PREFIXES:
        name = name.removeprefix(prefix)
    return name
