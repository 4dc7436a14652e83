from .addresses import (
    ANY_PORT as ANY_PORT,
    LOOPBACK as LOOPBACK,
    Interface as Interface,
    endpoint as endpoint,
    find_interface as find_interface,
    local_endpoint as local_endpoint,
    port_of as port_of,
    server_endpoint as server_endpoint,
)
from .local import (
    DEFAULT_CLUSTER as DEFAULT_CLUSTER,
    Announcement as Announcement,
    check_cluster as check_cluster,
    machine_folder as machine_folder,
    server_file as server_file,
)
from .network import (
    Advertiser as Advertiser,
    Browser as Browser,
    DiscoveredServer as DiscoveredServer,
    fingerprint as fingerprint,
)
from .reachability import (
    check_listening as check_listening,
)
from .search import (
    PROBE_S as PROBE_S,
    Search as Search,
    ServerLocation as ServerLocation,
    is_worthwhile as is_worthwhile,
    probe as probe,
)
