"""One store's answers: the filter language, typed requests, plans in two halves, the embedded engine."""
