"""Questions as plans in two halves, in expressions of Ibis: what a store computes, and how answers merge."""
