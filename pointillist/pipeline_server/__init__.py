"""The server: queue, journal, results and the service that ties them to the wire."""
