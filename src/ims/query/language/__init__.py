"""The filter language: grammar, syntax tree, what is said of filters that are wrong. Nothing here runs a question."""
