"""What belongs to an item and what of it is there, as it goes over the wire."""
