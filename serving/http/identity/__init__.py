"""What codes say of an item, as it goes over the wire."""
