"""What the repository runs for itself: rendering demo photos and figures. In no wheel."""
