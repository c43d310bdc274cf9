"""Which photos are worth a person's time next, shown as contact sheets."""
