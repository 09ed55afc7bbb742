"""Floor 1: every header, octets to fields and back, as pure functions; the packet; the trace schema."""
