"""Single-molecule localization microscopy: from movies to localizations, on every core of every machine."""
