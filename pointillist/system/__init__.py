"""What every room needs of this machine: folders, locks, what stands in the way of a file, notes in the log."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
