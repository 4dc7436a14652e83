"""Messages, wire, keys and errors: what the processes say to each other."""
