from .cluster_state import (
    Standing as Standing,
)
from .leader_election import (
    Presence as Presence,
    Rank as Rank,
)
from .server_socket import (
    MAX_BATCH as MAX_BATCH,
    Door as Door,
)
from .worker_registry import (
    Roster as Roster,
)
