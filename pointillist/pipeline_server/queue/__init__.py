"""The queue: which worker does which range of which job; no socket, file or clock."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
