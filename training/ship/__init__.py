"""What leaves a run: the bundle, its card, its registration. May import every floor."""
