"""Routes, by whom they are for: `api`, `desk`, `station`. `common`, `photos`, `queries`, `waiting` are shared."""
