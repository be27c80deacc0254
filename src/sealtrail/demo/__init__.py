"""A small shop, its users and its attacker: the whole chain on one machine, nothing faked."""
