"""The composition root: the only place that knows every room, and wires them."""
