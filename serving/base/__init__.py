"""What every wing needs: settings, errors and problem documents, languages, money, text, JSON.

May import `regrade.models` and no other wing.
"""
