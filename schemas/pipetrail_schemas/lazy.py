"""A property that is worked out when it is first asked for, and kept with the object: for objects that one thread has.

As `functools.cached_property`, which until Python 3.12 takes a lock each time: half of a microsecond, more than what most of
these work out.
"""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

_Value = TypeVar("_Value")


class lazy(Generic[_Value]):  # noqa: N801 - used as a decorator, like `property`
    """Decorates a method without arguments; the object needs a `__dict__`."""

    def __init__(self, work_out: Callable[[Any], _Value]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    @overload
    def __get__(self, thing: None, owner: type) -> Self: ...

    @overload
    def __get__(self, thing: object, owner: type) -> _Value: ...

    def __get__(self, thing: object | None, owner: type) -> Self | _Value:
        """The value; the next time it is found in the object itself, and nobody is asked."""
        if thing is None:
            return self
        value = thing.__dict__[self._name] = self._work_out(thing)
        return value
