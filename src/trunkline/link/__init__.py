"""Floor 2, link: NICs, the neighbour table, ARP, the learning switch (RFC 1122 chapter 2, RFC 826)."""
