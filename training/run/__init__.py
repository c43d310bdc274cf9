"""A training run: its configuration, its state on disk, its lock, its log. May import no other floor."""
