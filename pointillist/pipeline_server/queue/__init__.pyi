from . import (
    events as events,
    job as job,
)
from .builds import (
    pass_over_note as pass_over_note,
)
from .events import (
    NoteFault as NoteFault,
    NoteLoss as NoteLoss,
    NotePassOver as NotePassOver,
)
from .job import (
    Job as Job,
)
from .lifecycle import (
    Lifecycle as Lifecycle,
)
from .queue import (
    Queue as Queue,
)
from .ranges import (
    Ranges as Ranges,
)
from .worker import (
    Worker as Worker,
    count_builds as count_builds,
)
