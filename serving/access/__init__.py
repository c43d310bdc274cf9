"""Who may do what: API keys and roles, stations and people, sessions, the audit trail, who looked at which photo.

May import `storage` and what is before it.
"""
