from .localizations import (
    localizations_of_rows as localizations_of_rows,
)
from .reader import (
    Results as Results,
    is_finished as is_finished,
    read_localizations as read_localizations,
    read_results as read_results,
)
from .table import (
    ResultsDescription as ResultsDescription,
    append_localizations as append_localizations,
    create_results as create_results,
    write_provenance as write_provenance,
)
from .writer import (
    N_THREADS as N_THREADS,
    ResultsWriter as ResultsWriter,
    failure_table as failure_table,
)
