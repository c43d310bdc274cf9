"""Figures with their intervals: classification, calibration, detection. May import `run`."""
