"""Evaluation of localizations against a known truth, and the Cramér-Rao bound."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
