"""Scenes of returned goods, rendered with Mitsuba: the photos that ship with the product."""
