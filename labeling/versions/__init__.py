"""Versions of labels: decisions in, agreement, adjudication, datasets out, each hashed and reproducible."""
