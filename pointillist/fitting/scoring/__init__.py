"""How good localizations are, where the truth is known, and how good they can be."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
