"""Is it the item that its return says? Codes that were read, compared with those that are expected. Free of HTTP."""
