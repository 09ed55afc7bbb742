"""Floor 4, transport: ports, UDP, TCP (RFC 768, RFC 9293)."""
