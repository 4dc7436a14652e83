from .job_run import (
    Work as Work,
)
from .job_runs import (
    JobRuns as JobRuns,
)
from .steering import (
    Wish as Wish,
)
from .submission_handler import (
    Reception as Reception,
    refusal as refusal,
)
