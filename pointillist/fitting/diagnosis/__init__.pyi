from .checks import (
    Finding as Finding,
    background_hides as background_hides,
    find_symptoms as find_symptoms,
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
