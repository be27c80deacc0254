"""The server's door. `pipeline` is the page to read first."""
