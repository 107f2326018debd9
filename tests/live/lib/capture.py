# SPDX-License-Identifier: Apache-2.0
"""A plain capture reader: TCP streams of a classic pcap file, put together by offset. It stands in
for the product where a test must know what was really on the wire."""
import ipaddress
import struct


def packets(path):
    """(seconds, bytes, link type) of a classic pcap file of either byte order."""
    with open(path, "rb") as file:
        head = file.read(24)
        if len(head) < 24 or head[:4] not in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4",
                                              b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"):
            raise ValueError(f"{path}: not a classic pcap file")
        order = "<" if head[0] in (0xD4, 0x4D) else ">"
        unit = 1e-9 if 0x3C in head[:4] else 1e-6
        link = struct.unpack(order + "I", head[20:24])[0]
        while len(record := file.read(16)) == 16:
            seconds, fraction, size, _ = struct.unpack(order + "IIII", record)
            yield seconds + fraction * unit, file.read(size), link


class Stream:
    def __init__(self):
        self.first = None     # sequence number of byte 0
        self.synced = False   # a SYN was seen
        self.pieces = []

    def data(self):
        """The bytes from 0 without a gap."""
        result, at = bytearray(), 0
        for begin, piece in sorted(self.pieces, key=lambda p: p[0]):
            if begin > at:
                break
            result += piece[at - begin:]
            at = max(at, begin + len(piece))
        return bytes(result)


class Flow:
    def __init__(self, client, server, time):
        self.client, self.server, self.time = client, server, time
        self.streams = {client: Stream(), server: Stream()}
        self.packets = 0
        self.syn = False


def _network(frame, link):
    if link == 1:
        kind, at = int.from_bytes(frame[12:14], "big"), 14
        while kind in (0x8100, 0x88A8):
            kind, at = int.from_bytes(frame[at + 2:at + 4], "big"), at + 4
        return kind, frame[at:]
    if link == 113:
        return int.from_bytes(frame[14:16], "big"), frame[16:]
    if link == 276:
        return int.from_bytes(frame[0:2], "big"), frame[20:]
    if link in (12, 101):
        return (0x86DD if frame[0] >> 4 == 6 else 0x0800), frame
    return 0, b""


def tcp_packets(path):
    for time, frame, link in packets(path):
        kind, ip = _network(frame, link)
        if kind == 0x0800 and ip[9:10] == b"\x06":
            size = int.from_bytes(ip[2:4], "big") or len(ip)
            start = (ip[0] & 15) * 4
            addresses = ip[12:16], ip[16:20]
        elif kind == 0x86DD and ip[6:7] == b"\x06":
            size = 40 + (int.from_bytes(ip[4:6], "big") or len(ip) - 40)
            start = 40
            addresses = ip[8:24], ip[24:40]
        else:
            continue
        tcp = ip[start:size]
        if len(tcp) < 20:
            continue
        ports = struct.unpack(">HH", tcp[:4])
        source, target = ((str(ipaddress.ip_address(a)), p) for a, p in zip(addresses, ports))
        sequence = int.from_bytes(tcp[4:8], "big")
        yield time, source, target, sequence, tcp[13], tcp[(tcp[12] >> 4) * 4:]


def flows(path):
    """Flows in the order of their first packets; a new SYN on old ports begins a new one."""
    known, result = {}, []
    for time, source, target, sequence, flags, payload in tcp_packets(path):
        key = frozenset((source, target))
        flow = known.get(key)
        opens = flags & 0x12 == 0x02
        if flow is None or (opens and flow.streams[flow.client].first not in (None, sequence + 1)):
            client, server = (target, source) if flags & 0x12 == 0x12 else (source, target)
            flow = known[key] = Flow(client, server, time)
            result.append(flow)
        flow.packets += 1
        flow.syn |= opens
        stream = flow.streams[source]
        if flags & 2:
            stream.first, stream.synced = sequence + 1 & 0xFFFFFFFF, True
        if payload:
            if stream.first is None:
                stream.first = sequence
            stream.pieces.append((sequence - stream.first & 0xFFFFFFFF, payload))
    return result
