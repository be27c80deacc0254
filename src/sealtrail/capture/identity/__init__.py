"""Who it is: sign-ins, sessions, refusals, and what frameworks know of their users."""
