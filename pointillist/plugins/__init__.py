"""What parts are made of: registries that other packages extend, and the settings that parts bring with them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
