"""What belongs to an item and what of it is there, as whoever holds the item counts it."""
