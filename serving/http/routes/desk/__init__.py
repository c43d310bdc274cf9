"""The review desk's pages, and the routes that only they use."""
