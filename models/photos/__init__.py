"""A photo from bytes to what networks see: taken in, upright, in sRGB, judged for sharpness and light, drawn on.

May import `regrade.models` at its root (errors, types, evidence) and `photos.files`, nothing of networks or bundles.
"""
