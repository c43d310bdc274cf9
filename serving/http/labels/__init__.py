"""Labels for graded items: what stands on one, for a printer that speaks ZPL and for a browser's print."""
