"""Floor 3, internet: IPv4, IPv6, ICMP, neighbour discovery, fragments, routes (RFC 1122 chapter 3, 8200, 1812)."""
