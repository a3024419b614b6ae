"""The portal's HTTP API, `/api/v1`: questions in the command line's words, answers as JSON, CSV or Arrow."""
