"""Reference pages written from the code: every setting, every command. `make docs` writes, a test compares them."""
