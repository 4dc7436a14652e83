"""Services of this machine for all rooms: folders, file locks, checks of files, logging of events."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
