"""Who may do what: roles and their rights, API keys, and the people who sign in."""
