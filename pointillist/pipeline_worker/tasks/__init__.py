"""The kinds of tasks that a worker can do: a function from a range and settings to an answer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
