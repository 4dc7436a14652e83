from .cluster_state import (
    ClusterState as ClusterState,
)
from .leader_election import (
    LeaderElection as LeaderElection,
    Priority as Priority,
)
from .server_socket import (
    MAX_BATCH as MAX_BATCH,
    ServerSocket as ServerSocket,
)
from .worker_registry import (
    WorkerRegistry as WorkerRegistry,
)
