"""Deliveries that systems make, in their own formats, as samples that histories change: `rules/told/samples/SYSTEM.yaml`.

A sample has what a translator reads, and what makes it real in form. It may be `like` another one, of which it says only what
is different: objects are put together, all else is replaced. A text that is nothing but a sample's name in braces, `{ann}`,
stands for that sample's payload, in samples and in what changes them. A user's folder has samples, too; they add to the
built-in ones, and replace those of the same name.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pipetrail_schemas.service import yamlfile
from pipetrail_schemas.service.yamlfile import YamlFile
from pydantic import BaseModel, ConfigDict, RootModel

from pipetrail_processors.detect.notation import SHORT_FORMS

_SETTING = "rules"
_PART = re.compile(r"\{([a-z][a-z_-]*)\}")


class Sample(BaseModel):
    """What a system sends; `instance` is its base URL, where its payloads do not say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    like: str | None = None
    headers: dict[str, str] = {}
    instance: str | None = None
    payload: dict[str, Any] | list[Any] = {}


class _Samples(RootModel[dict[str, Sample]]):
    """A file of them, by name."""


class WrongChangeError(ValueError):
    """Raised when a change of a sample names a place or a sample that is not there, or adds what is; says which."""


def load(file: Path, known: Mapping[str, Sample]) -> dict[str, Sample]:
    """The samples of a file, whole, with those that are known; nothing but these where there is no file.

    Raises:
        SettingError: names file, line and what is wrong.
    """
    if not file.is_file():
        return dict(known)
    read = yamlfile.read(file, setting=_SETTING)
    own = read.validated(_Samples).root
    written = {**known, **own}
    alike = {name: _like(name, written, read, ()) for name in own}
    samples = {**known, **alike}
    for name, one in alike.items():
        try:
            samples[name] = one.model_copy(update={"payload": put_together(one.payload, {**known, **alike}, (name,))})
        except WrongChangeError as exc:
            raise read.error((name,), str(exc)) from exc
    return samples


def put_together(value: Any, samples: Mapping[str, Sample], within: tuple[str, ...] = ()) -> Any:
    """The value with the payloads of the samples that it names, and of those that these name.

    Args:
        value: of a payload.
        samples: that are known.
        within: names of the samples that it is a part of.

    Raises:
        WrongChangeError: there is no such sample, or it is a part of itself.
    """
    if isinstance(value, dict):
        return {name: put_together(item, samples, within) for name, item in value.items()}
    if isinstance(value, list):
        return [put_together(item, samples, within) for item in value]
    match = _PART.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[1] in SHORT_FORMS:
        return value
    if match[1] not in samples or match[1] in within:
        raise WrongChangeError(f"{value}: {'is a part of itself' if match[1] in within else 'there is no such sample'}")
    return put_together(samples[match[1]].payload, samples, (*within, match[1]))


def changed(payload: Any, put: Mapping[str, Any], add: Mapping[str, Any], without: tuple[str, ...]) -> Any:
    """A payload with changes by dotted paths; members of lists go by their number, from 0 on.

    Args:
        payload: is left as it is.
        put: values that take the place of those that are there.
        add: values that are not there yet.
        without: what is taken out.

    Raises:
        WrongChangeError: a path leads nowhere.
    """
    whole = deepcopy(payload)
    for path in without:
        parent, last = _place(whole, path, there=True)
        del parent[last]
    for path, value in put.items():
        parent, last = _place(whole, path, there=True)
        parent[last] = deepcopy(value)
    for path, value in add.items():
        parent, last = _place(whole, path, there=False)
        if isinstance(parent, list):
            parent.append(deepcopy(value))
        else:
            parent[last] = deepcopy(value)
    return whole


def _place(whole: Any, path: str, *, there: bool) -> tuple[Any, Any]:
    """The object or list that a path leads to, and the key in it."""
    *parents, last = path.split(".")
    for name in parents:
        whole = whole[_key(whole, name, path, there=True)]
    return whole, _key(whole, last, path, there=there)


def _key(parent: Any, name: str, path: str, *, there: bool) -> Any:
    if isinstance(parent, list) and name.isascii() and name.isdigit():
        known, key = range(len(parent)), int(name)
        fits = key in known if there else key == len(parent)
    elif isinstance(parent, dict):
        known, key = sorted(parent), name  # type: ignore[assignment]
        fits = (key in parent) == there
    else:
        raise WrongChangeError(f"{path}: {name} is in no object and no list")
    if not fits:
        has = ", ".join(str(one) for one in known) or "nothing"
        raise WrongChangeError(f"{path}: there is {'no' if there else 'already'} {name}; it has {has}")
    return key


def _like(name: str, known: Mapping[str, Sample], read: YamlFile, seen: tuple[str, ...]) -> Sample:
    sample = known[name]
    if sample.like is None:
        return sample
    if sample.like in (*seen, name) or sample.like not in known:
        problem = "is like itself" if sample.like in known else f"there is no such sample; allowed: {', '.join(sorted(known))}"
        raise read.error((name, "like"), problem)
    model = _like(sample.like, known, read, (*seen, name))
    return Sample(
        headers={**model.headers, **sample.headers},
        instance=sample.instance or model.instance,
        payload=_joined(model.payload, sample.payload),
    )


def _joined(model: Any, own: Any) -> Any:
    if not (isinstance(model, dict) and isinstance(own, dict)):
        return own
    return {**model, **{name: _joined(model.get(name), value) for name, value in own.items()}}
