"""Acts and what they changed, by the application's own word or its database's."""
