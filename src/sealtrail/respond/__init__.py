"""What is done about an alert: it becomes an event, and may become a block. One hand on the lever."""
