"""Recording, in the customer's process: it never raises, never waits, and never changes a response."""
