"""The networks of a bundle in ONNX Runtime: sessions, what arithmetic this CPU does exactly, boxes and damage maps.

May import what is known of photos and evidence (`regrade.models.photo_evidence`, `types`, `photos`), not of bundles.
"""
