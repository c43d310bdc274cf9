"""Commands on what a site has stored: backup, store, erase, evidence, audit."""
