"""Floor 9, intercept: how Python's own modules reach `system` inside a host."""
