"""The round-trip time and the retransmission timeout (RFC 6298), in integer nanoseconds.

Linux adds to SRTT at least 200 ms of variance; RFC 6298 bounds the sum. `TcpPolicy` decides.
"""

from __future__ import annotations

from trunkline.transport.tcp.block import Block


def take_sample(block: Block, rtt: int) -> None:
    """A round trip was measured; never from a segment sent twice, RFC 6298 §3 CC-026."""
    if rtt < 1:
        rtt = 1
    srtt = block.srtt
    if srtt == 0:
        # RFC 6298 §2.2 MUST CC-022
        block.srtt = rtt
        block.rttvar = rtt >> 1
    else:
        # RFC 6298 §2.3 MUST CC-023: the variance first, with beta 1/4, then alpha 1/8
        off = srtt - rtt if srtt > rtt else rtt - srtt
        block.rttvar += (off - block.rttvar) >> 2
        block.srtt = srtt + ((rtt - srtt) >> 3)
    policy = block.common.policy
    spread = block.rttvar << 2
    if spread < policy.rto_variance_floor:
        spread = policy.rto_variance_floor
    rto = block.srtt + spread
    # RFC 6298 §2.4 CC-024, §2.5 CC-025
    if rto < policy.rto_min:
        rto = policy.rto_min
    elif rto > policy.rto_max:
        rto = policy.rto_max
    block.rto = rto
