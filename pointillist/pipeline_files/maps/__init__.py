"""Camera maps on disk: dark, variance and flat field, made, read and examined."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
