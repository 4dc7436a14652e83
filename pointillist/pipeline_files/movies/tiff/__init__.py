"""TIFF in all its dialects: pages, what counts them, and which of them are frames."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
