"""How good a candidate is: predictions, figures, slices, reports, the gate. May import all floors but `ship`."""
