from .checks import (
    Finding as Finding,
    check_background as check_background,
    run_checks as run_checks,
)
from .convergence import (
    converged as converged,
    median as median,
)
from .frame_diagnostics import (
    FrameDiagnostics as FrameDiagnostics,
    measure_noise as measure_noise,
    report as report,
)
