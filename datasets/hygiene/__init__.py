"""What is wrong with a set of photos: duplicates across splits, doubtful labels, small or broken files."""
