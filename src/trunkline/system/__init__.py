"""Floor 8, system: the little operating system that a program sees on its machine."""
