"""What came of the inspections: lists of them, files, figures and forecasts, and views that people saved.

All questions to the database go by `regrade.serving.results.asked`, which says what somebody may see.
"""
