"""Annotation formats that datasets come in and go out by: one module a format, listed in `registry`."""
