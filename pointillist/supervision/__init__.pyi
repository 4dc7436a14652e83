from .address_pipe import (
    AddressPipe as AddressPipe,
)
from .event_log import (
    parse_event as parse_event,
    read_log as read_log,
)
from .exit_codes import (
    EXIT_COLD as EXIT_COLD,
    EXIT_STUCK as EXIT_STUCK,
    EXIT_UNCOMPILED as EXIT_UNCOMPILED,
)
from .kernel_cache import (
    KernelCache as KernelCache,
    fill_cache as fill_cache,
)
from .kernel_loader import (
    CachedKernels as CachedKernels,
    Kernels as Kernels,
    KernelsLostError as KernelsLostError,
    NoKernels as NoKernels,
)
from .launch import (
    OnMessage as OnMessage,
    checked_workers as checked_workers,
    default_workers as default_workers,
    embedded as embedded,
    launch_workers as launch_workers,
    own_cluster as own_cluster,
    terminable as terminable,
    workers_beside as workers_beside,
)
from .launchers import (
    running as running,
)
from .logs import (
    JobLogs as JobLogs,
    job_log_path as job_log_path,
    log_folder as log_folder,
    start_logging as start_logging,
)
from .node_agent import (
    LaunchPlan as LaunchPlan,
)
from .numba_options import (
    NUMBA_VARIABLE as NUMBA_VARIABLE,
    OURS as OURS,
    for_this_process as for_this_process,
)
from .parent_watch import (
    EXIT_REPLACED as EXIT_REPLACED,
    ParentWatch as ParentWatch,
)
from .shared_process import (
    use_cached_kernels as use_cached_kernels,
)
from .warm_up import (
    load_kernels as load_kernels,
)
