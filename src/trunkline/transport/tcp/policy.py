"""What TCP leaves to choose: `TcpPolicy` for a host (three presets) and `TcpSettings` for one socket.

Where kernels and RFCs differ a policy decides; the comments name the ledger's rows that only one preset
meets. RFC 9293, 6298, 5681, 7323; Linux ip-sysctl. Times are nanoseconds, sizes octets.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.units import MILLISECOND, MINUTE, SECOND

DEFAULT_MSS4: Final = 536  # RFC 9293 §3.7.1 MUST-15: what to send when no MSS option came
DEFAULT_MSS6: Final = 1220
MINIMUM_MSS: Final = 48  # a peer or a router that asks for less is not obeyed (CVE-2019-11479)
MAXIMUM_SHIFT: Final = 14  # RFC 7323 §2.3
WINDOW_FIELD: Final = 65535


@final
class TcpPolicy:
    """A host's choices. Made as Linux makes them; `rfc_policy` and `freebsd_policy` change some."""

    __slots__ = (
        "challenge_interval",
        "challenge_limit",
        "congestion",
        "delayed_ack",
        "fin_wait_2",
        "forget_sacks",
        "give_up_after",
        "hard_errors_abort",
        "hystart",
        "idle_decay",
        "initial_window",
        "keep_count",
        "keep_idle",
        "keep_interval",
        "max_receive_buffer",
        "minshall",
        "name",
        "orphan_retries",
        "probe_with_data",
        "quick_acks",
        "receive_buffer",
        "reset_protects_time_wait",
        "retries1",
        "rto_after_syn_loss",
        "rto_initial",
        "rto_max",
        "rto_min",
        "rto_variance_floor",
        "sack",
        "sample_after_syn_loss",
        "send_buffer",
        "slow_start_limit",
        "soft_errors_abort_opening",
        "syn_ack_retries",
        "syn_linear_timeouts",
        "syn_losses_forgiven",
        "syn_retries",
        "time_wait",
        "time_wait_limit",
        "time_wait_reuse",
        "timestamps",
        "window_scaling",
    )

    def __init__(self) -> None:
        self.name = "linux"
        # the retransmission timer
        self.rto_initial = SECOND
        self.rto_min = 200 * MILLISECOND
        self.rto_variance_floor = 200 * MILLISECOND  # Linux: RTO = SRTT + max(200 ms, 4 RTTVAR)
        self.rto_max = 120 * SECOND
        self.rto_after_syn_loss = 3 * SECOND
        self.sample_after_syn_loss = True  # where timestamps tell, their round trip counts instead
        self.syn_retries = (
            6  # with exponential waits; R2 of a SYN is 131 s, MUST-23 needs preset rfc
        )
        self.syn_linear_timeouts = 4  # and before them so many with the first wait
        self.syn_ack_retries = 5
        self.retries1 = 3  # R1: ask IP for another route
        self.give_up_after = (
            924_600 * MILLISECOND
        )  # R2: 15 doublings from 200 ms, at most 120 s each
        self.orphan_retries = 8
        # acknowledgements
        self.delayed_ack = 40 * MILLISECOND
        self.quick_acks = 16  # segments at the start of a connection that are acknowledged at once
        self.challenge_interval = 500 * MILLISECOND  # between two to one peer
        self.challenge_limit = 1000  # a second, for the whole host
        # congestion
        self.congestion = "cubic"
        self.initial_window = 10  # segments
        self.syn_losses_forgiven = (
            1  # RFC 6928 §2: so many cost no initial window. CC-003: preset rfc
        )
        self.slow_start_limit = (
            0  # segments for each ACK; 0: what was acknowledged. CC-004: preset rfc
        )
        self.hystart = True  # RFC 9406, where the window is CUBIC's
        self.idle_decay = True  # halve once for each RTO of idleness; False: to the initial window
        self.forget_sacks = False  # after a timeout. CC-037: preset rfc
        # sending
        self.minshall = True  # Nagle waits only while a small segment is unacknowledged
        self.probe_with_data = False  # zero-window probes carry an octet
        # buffers and options
        self.receive_buffer = 131072
        self.max_receive_buffer = 6 << 20  # what the window scale is chosen for
        self.send_buffer = 131072
        self.sack = True
        self.timestamps = True
        self.window_scaling = True
        # errors
        self.soft_errors_abort_opening = True  # RFC 5461; MUST-56 to the letter: preset rfc
        self.hard_errors_abort = False  # once established; SHLD-26: preset rfc
        # the end
        self.time_wait = MINUTE
        self.time_wait_limit = 16384
        self.time_wait_reuse = True
        self.reset_protects_time_wait = False  # RFC 1337: ignore RST in TIME-WAIT
        self.fin_wait_2 = MINUTE
        self.keep_idle = 7200 * SECOND
        self.keep_interval = 75 * SECOND
        self.keep_count = 9


def linux_policy() -> TcpPolicy:
    """As Linux 6 does it."""
    return TcpPolicy()


def rfc_policy() -> TcpPolicy:
    """The RFCs to the letter, SHOULDs included."""
    policy = TcpPolicy()
    policy.name = "rfc"
    policy.rto_min = SECOND  # RFC 6298 §2.4
    policy.rto_variance_floor = MILLISECOND
    policy.rto_max = MINUTE
    policy.sample_after_syn_loss = False
    policy.syn_losses_forgiven = 0
    policy.syn_retries = 7  # 1+2+4+8+16+32+60+60 s = 183 s. RFC 9293 §3.8.3 MUST-23
    policy.syn_linear_timeouts = 0
    policy.syn_ack_retries = 7
    policy.give_up_after = 100 * SECOND
    policy.delayed_ack = 200 * MILLISECOND
    policy.quick_acks = 0
    policy.challenge_limit = 10  # RFC 5961 §7
    policy.congestion = "reno"
    policy.slow_start_limit = 1
    policy.idle_decay = False
    policy.forget_sacks = True
    policy.minshall = False
    policy.probe_with_data = True
    policy.soft_errors_abort_opening = False
    policy.hard_errors_abort = True
    policy.time_wait = 4 * MINUTE
    policy.reset_protects_time_wait = True
    return policy


def freebsd_policy() -> TcpPolicy:
    """As FreeBSD 14 does it, in the main."""
    policy = TcpPolicy()
    policy.name = "freebsd"
    policy.rto_min = 30 * MILLISECOND
    policy.rto_max = 64 * SECOND
    policy.syn_retries = 12
    policy.syn_linear_timeouts = 5
    policy.syn_ack_retries = 3
    policy.give_up_after = 500 * SECOND
    policy.quick_acks = 0
    policy.challenge_limit = 200
    policy.slow_start_limit = 2
    policy.idle_decay = False
    policy.minshall = False
    policy.probe_with_data = True
    policy.receive_buffer = 65536
    policy.max_receive_buffer = 2 << 20
    policy.send_buffer = 32768
    return policy


def policy_named(name: str) -> TcpPolicy:
    """The preset `linux`, `rfc` or `freebsd`. Raises ValueError that names the three."""
    if name == "linux":
        return linux_policy()
    if name == "rfc":
        return rfc_policy()
    if name == "freebsd":
        return freebsd_policy()
    raise ValueError(f"{name!r} is not a TCP policy: expected linux, rfc or freebsd")


@final
class TcpSettings:
    """One socket's options, live: change them, then call `Connection.settings_changed(now)`."""

    __slots__ = (
        "congestion",
        "cork",
        "fin_wait_2",
        "hop_limit",
        "keep_count",
        "keep_idle",
        "keep_interval",
        "keepalive",
        "linger",
        "max_segment",
        "nodelay",
        "oob_inline",
        "quickack",
        "receive_buffer",
        "report_soft_errors",
        "send_buffer",
        "syn_retries",
        "traffic_class",
        "user_timeout",
    )

    def __init__(self, policy: TcpPolicy) -> None:
        self.nodelay = False  # RFC 9293 §3.7.4 MUST-17: Nagle can be switched off
        self.cork = False
        self.quickack = False
        self.keepalive = False  # RFC 9293 §3.8.4 MUST-25: off unless asked for
        self.keep_idle = policy.keep_idle  # MUST-27, MUST-28: configurable, two hours
        self.keep_interval = policy.keep_interval
        self.keep_count = policy.keep_count
        self.syn_retries = 0  # of an active opening; 0: the policy's
        self.user_timeout = 0  # RFC 9293 §3.8.3 MUST-21: R2 of this connection; 0: the policy's
        self.send_buffer = policy.send_buffer
        self.receive_buffer = policy.receive_buffer
        self.hop_limit = 64  # RFC 9293 §3.9.2 MUST-49
        self.traffic_class = 0  # RFC 9293 §3.9.1.9 MUST-48; ECN bits are not the caller's
        self.max_segment = 0  # 0: what the path allows
        self.congestion = policy.congestion
        self.fin_wait_2 = policy.fin_wait_2  # nanoseconds, once closed; -1: a reset at once
        self.linger = -1  # nanoseconds; -1: off; 0: close resets
        self.oob_inline = False
        self.report_soft_errors = True  # RFC 9293 §3.9.1.8 SHLD-20

    def copy(self) -> TcpSettings:
        """What an accepted connection inherits from its listener."""
        other = TcpSettings(_ANY)
        other.nodelay = self.nodelay
        other.cork = self.cork
        other.quickack = self.quickack
        other.keepalive = self.keepalive
        other.keep_idle = self.keep_idle
        other.keep_interval = self.keep_interval
        other.keep_count = self.keep_count
        other.syn_retries = self.syn_retries
        other.user_timeout = self.user_timeout
        other.send_buffer = self.send_buffer
        other.receive_buffer = self.receive_buffer
        other.hop_limit = self.hop_limit
        other.traffic_class = self.traffic_class
        other.max_segment = self.max_segment
        other.congestion = self.congestion
        other.fin_wait_2 = self.fin_wait_2
        other.linger = self.linger
        other.oob_inline = self.oob_inline
        other.report_soft_errors = self.report_soft_errors
        return other


_ANY: Final = TcpPolicy()
