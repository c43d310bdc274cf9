"""The inspection station's page."""
