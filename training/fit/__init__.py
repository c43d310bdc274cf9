"""Fitting: the classifier's backbone and heads, the detector. May import `run`, `metrics`, `data`, `export`."""
