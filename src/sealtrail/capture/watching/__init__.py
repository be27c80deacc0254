"""A request and its answer as one call of an API, looked at as they go by, where that is asked for."""
