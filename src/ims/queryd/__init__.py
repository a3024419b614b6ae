"""The query daemon of one sensor: typed questions over mutual TLS, answered from its store."""
