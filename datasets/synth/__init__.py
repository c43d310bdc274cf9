"""Defects drawn on photos of undamaged goods, for training: by material, under the light of the photo."""
