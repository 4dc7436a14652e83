from .client import (
    Client as Client,
)
from .sockets import (
    bind_router as bind_router,
    connect_dealer as connect_dealer,
    reconnect as reconnect,
)
from .waker import (
    Waker as Waker,
)
