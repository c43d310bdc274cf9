"""Goods in a scene: one module a kind."""
