"""Finding servers: on this machine, by address, and over zeroconf."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
