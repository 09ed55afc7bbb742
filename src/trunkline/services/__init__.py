"""Floor 12, services: well-kept servers set up as programs on a host."""
