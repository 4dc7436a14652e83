"""What numba has taken from its cache, and what it has had to compile, in this process."""

from __future__ import annotations

import gc

from numba.core.dispatcher import Dispatcher


def dispatchers() -> list[Dispatcher]:
    return [thing for thing in gc.get_objects() if isinstance(thing, Dispatcher)]


def missed() -> list[str]:
    """Return the functions, with the types of their arguments, that the cache did not have."""
    return [f"{each.py_func.__qualname__}{types}" for each in dispatchers() for types in each.stats.cache_misses]


def loaded() -> list[str]:
    """Return the functions that came from the cache."""
    names = {each: f"{each.py_func.__module__}.{each.py_func.__qualname__}" for each in dispatchers()}
    return [name for each, name in names.items() if each.stats.cache_hits]
