"""The desk's results: a list with filters, files, figures and saved views."""
