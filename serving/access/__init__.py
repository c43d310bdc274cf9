"""Who may do what: API keys and roles, sessions of people, the audit trail, who looked at which photo.

May import `storage` and what is before it.
"""
