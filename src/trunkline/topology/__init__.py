"""Floor 10, topology: the Internet, machines, links, addresses given out; the lab file."""
