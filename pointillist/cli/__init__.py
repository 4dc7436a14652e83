"""The command line: one file per command, and the only place that prints."""

from pointillist.system import search_standard_library_first

search_standard_library_first()
