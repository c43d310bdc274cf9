"""People who sign in by name: who there is, invitations, passwords and passkeys."""
