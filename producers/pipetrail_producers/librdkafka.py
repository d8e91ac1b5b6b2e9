"""The compiled part of confluent_kafka, loaded without the rest of the package, which a build does not use and would wait for.

Importing the package also imports its serializers and clients for asyncio, and with them asyncio, ssl and concurrent.futures:
ten times what the producer itself takes. The compiled module is complete without them. Where the package is loaded already it
is taken from there, and where it is not laid out as expected it is imported as usual.
"""

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

_PACKAGE = "confluent_kafka"
_COMPILED = f"{_PACKAGE}.cimpl"


def load() -> Any:
    """The module with Producer, KafkaError and KafkaException.

    Raises:
        ImportError: confluent-kafka is not installed, or does not run on this machine.
    """
    if _PACKAGE in sys.modules or _COMPILED in sys.modules:
        return import_module(_COMPILED)
    spec = PathFinder.find_spec(_PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        return import_module(_COMPILED)
    # For the time of the import the package is a bare one: its folder, and none of its code.
    package = ModuleType(_PACKAGE)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[_PACKAGE] = package
    try:
        return import_module(_COMPILED)
    except ImportError:
        # On some systems the package's own code finds the library that the compiled module needs.
        del sys.modules[_PACKAGE]
        return import_module(_COMPILED)
    finally:
        if sys.modules.get(_PACKAGE) is package:
            del sys.modules[_PACKAGE]
