"""Floor 5, sockets: the BSD verbs, which never block: listening, connection and datagram sockets."""
