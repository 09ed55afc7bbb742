"""Floor 6, host: the one place that sees every floor and strings them together."""
