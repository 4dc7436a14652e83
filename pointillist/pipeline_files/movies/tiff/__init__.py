"""TIFF in all its variants: directories, pages, and the choice of those that are frames."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
