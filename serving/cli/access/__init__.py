"""Commands for who may do what: keys, stations, people."""
