"""The routes of the HTTP contract, one module a resource."""
