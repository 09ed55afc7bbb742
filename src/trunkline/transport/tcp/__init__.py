"""TCP (RFC 9293): one connection block, and the machines that work on it."""
