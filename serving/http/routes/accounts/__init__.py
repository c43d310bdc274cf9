"""Stations and people over HTTP: the API and the page by which admins make them, pairing, and signing in."""
