from .checks import (
    Finding as Finding,
    check_background as check_background,
    run_checks as run_checks,
)
from .convergence import (
    converged as converged,
    median as median,
)
from .detection_samples import (
    DetectionSamples as DetectionSamples,
    ThresholdTest as ThresholdTest,
    examine_frames as examine_frames,
    spread_frames as spread_frames,
)
from .frame_diagnostics import (
    FrameDiagnostics as FrameDiagnostics,
    measure_noise as measure_noise,
    report as report,
)
