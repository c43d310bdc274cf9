"""Photos as networks see them in training: which are usable, their views, drawn damage. May import `run`, `metrics`."""
