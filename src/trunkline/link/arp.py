"""ARP: the hardware addresses of IPv4 neighbours, asked for and told (RFC 826, RFC 1122 §2.3.2).

Left out on purpose: probing an address before it is used and defending it (RFC 5227; probes of others are
answered rightly), proxy ARP, reverse ARP.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import ANY4, MAC_BROADCAST, MAC_NONE, masked
from trunkline.link.neighbours import Neighbour, Neighbourhood, Solicitor
from trunkline.link.nic import Nic
from trunkline.wire.arp import REPLY, REQUEST, Arp
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.header import ETHERTYPE_ARP
from trunkline.wire.packet import Packet

BAD_SENDER_MAC: Final = "arp: sender's hardware address is a group's or none"
BAD_SENDER_IP: Final = "arp: sender's address is no unicast address"
OWN_FRAME: Final = "arp: own frame came back"
CONFLICT: Final = "arp: somebody else uses an own address"
UNKNOWN_OPERATION: Final = "arp: unknown operation"
REQUESTS_IN: Final = "arp: requests received"
REPLIES_IN: Final = "arp: replies received"
REQUESTS_OUT: Final = "arp: requests sent"
REPLIES_OUT: Final = "arp: replies sent"


@final
class ArpSolicitor(Solicitor):
    """A host's ARP: asks, answers, and tells the neighbour tables."""

    __slots__ = ("shared",)

    def __init__(self, shared: Neighbourhood) -> None:
        self.shared = shared

    def solicit(self, nic: Nic, neighbour: Neighbour, unicast: bool, now: int) -> None:
        """Ask who has a neighbour's address: everybody, or only the neighbour as it was known."""
        # RFC 826 "Packet Generation" ARP-006: broadcast, the target's hardware address zero
        mac = neighbour.mac if unicast else MAC_BROADCAST
        target_mac = neighbour.mac if unicast else MAC_NONE
        source = _source(nic, neighbour)
        self.shared.counters.count(REQUESTS_OUT)
        _emit(nic, mac, Arp(REQUEST, nic.mac, source, target_mac, neighbour.address))

    def announce(self, nic: Nic, address: bytes) -> None:
        """Tell everybody that an address is here: a gratuitous request, as RFC 5227 §3 prefers it."""
        if nic.up:
            self.shared.counters.count(REQUESTS_OUT)
            _emit(nic, MAC_BROADCAST, Arp(REQUEST, nic.mac, address, MAC_NONE, address))

    def receive(self, nic: Nic, packet: Packet, arp: Arp, now: int) -> None:
        """An ARP packet arrived: RFC 826 "Packet Reception", step by step."""
        shared = self.shared
        sender = arp.sender_ip
        mac = arp.sender_mac
        # RFC 1812 §3.3.2 ARP-019: nobody's own hardware address is a group
        if mac[0] & 1 or mac == MAC_NONE:
            shared.drop(packet, BAD_SENDER_MAC, now)
            return
        if mac == nic.mac:
            shared.drop(packet, OWN_FRAME, now)
            return
        for_us = arp.target_ip in nic.addresses or self._is_own(arp.target_ip)
        if sender != ANY4:  # RFC 5227 §2.1.1 ARP-024: a probe alters no table
            if sender[0] >= 224 or sender[0] == 127 or sender[0] == 0:
                shared.drop(packet, BAD_SENDER_IP, now)
                return
            if sender in nic.addresses:
                shared.drop(packet, CONFLICT, now)
                return
            self._merge(nic, arp, packet, for_us, now)
        # RFC 826 ARP-007: the opcode is looked at only now
        if arp.operation == REQUEST:
            shared.counters.count(REQUESTS_IN)
            if for_us and nic.up:
                # RFC 826 ARP-004, ARP-005: own addresses only, straight back to who asked
                shared.counters.count(REPLIES_OUT)
                _emit(nic, mac, Arp(REPLY, nic.mac, arp.target_ip, mac, sender))
        elif arp.operation == REPLY:
            shared.counters.count(REPLIES_IN)
        else:
            # RFC 5494 ARP-025
            shared.drop(packet, UNKNOWN_OPERATION, now)

    def _is_own(self, address: bytes) -> bool:
        """Whether an address is this host's by another NIC: it is answered for, as Linux does."""
        # RFC 1122 §3.3.4.2: addresses are the host's, not the NIC's, whose packets are taken too
        if address[0] != 127:
            for nic in self.shared.node.nics:
                if address in nic.addresses and nic.up:
                    return True
        return False

    def _merge(self, nic: Nic, arp: Arp, packet: Packet, for_us: bool, now: int) -> None:
        """Enter the sender's pair: a known one always, a new one if the packet was meant for us."""
        table = nic.neighbours
        if table is None:
            return
        neighbour = table.get(arp.sender_ip)
        if neighbour is None:
            if for_us:
                # RFC 826 ARP-003
                table.heard(arp.sender_ip, arp.sender_mac, True, now)
            return
        # RFC 826 ARP-002
        ethernet = packet.ethernet
        answer = (
            arp.operation == REPLY
            and neighbour.asked
            and ethernet is not None
            and ethernet.dst == nic.mac
        )
        if answer:
            table.advertised(neighbour, arp.sender_mac, True, True, now)
        else:
            table.heard(arp.sender_ip, arp.sender_mac, False, now)


def _source(nic: Nic, neighbour: Neighbour) -> bytes:
    """The own address to ask with: of the packet that waits, or on the neighbour's network, or any."""
    for packet in neighbour.queue:
        ip = packet.ip
        if ip is not None and ip.src in nic.addresses:
            return ip.src
    first = ANY4
    for address, length in nic.addresses.items():
        if len(address) == 4:
            if masked(neighbour.address, length) == masked(address, length):
                return address
            if first == ANY4:
                first = address
    return first


def _emit(nic: Nic, dst: bytes, arp: Arp) -> None:
    packet = Packet(None, arp, b"")
    packet.ethernet = Ethernet(dst, nic.mac, ETHERTYPE_ARP)
    nic.emit(packet)
