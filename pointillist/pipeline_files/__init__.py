"""What is on disk: movies, metadata, camera maps, results, and where things go."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
