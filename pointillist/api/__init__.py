"""The functions of the program for Python: what ``import pointillist`` offers, one function per file."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
