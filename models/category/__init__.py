"""A category of goods as its YAML describes it: the schema that every room reads, and that bundles are sealed with.

Free of models and of HTTP; may import nothing of `regrade` but `regrade.models.errors` and `regrade.models.types`.
"""
