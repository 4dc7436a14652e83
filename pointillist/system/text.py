"""Text of files and other machines."""


def printable(text: str) -> str:
    """Return text from files and other machines without what a terminal would obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
