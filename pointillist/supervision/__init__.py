"""The processes of this machine: started, watched and ended; their logs, and their compiled kernels."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
