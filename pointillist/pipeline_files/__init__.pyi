from .data_roots import (
    ALLOW_VARIABLE as ALLOW_VARIABLE,
    EVERYWHERE as EVERYWHERE,
    DataRoots as DataRoots,
    join_folders as join_folders,
)
from .destination import (
    Destination as Destination,
)
from .error_text import (
    short_reason as short_reason,
)
from .hdf5_file import (
    open_hdf5 as open_hdf5,
)
from .paths import (
    IMAGES_ENDING as IMAGES_ENDING,
    RESULTS_ENDING as RESULTS_ENDING,
    alternatives as alternatives,
    check_writable as check_writable,
    data_root as data_root,
    data_root_remark as data_root_remark,
    default_background_path as default_background_path,
    default_results_path as default_results_path,
    is_taken as is_taken,
    journal_path as journal_path,
    partial_path as partial_path,
    unfinished_path as unfinished_path,
)
from .preparation import (
    check_frames as check_frames,
    prepare as prepare,
)
from .storage import (
    DiskFullError as DiskFullError,
    FileBusyError as FileBusyError,
    translated_write_errors as translated_write_errors,
)
