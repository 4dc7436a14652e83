from .job_run import (
    JobRun as JobRun,
)
from .job_runs import (
    JobRuns as JobRuns,
)
from .records import (
    FailureEntry as FailureEntry,
)
from .steering import (
    Command as Command,
)
from .submission_handler import (
    SubmissionHandler as SubmissionHandler,
    refusal as refusal,
)
