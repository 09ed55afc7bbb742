"""Floor 13, observe: captures, ladders, layers and tables: a run made visible."""
