#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the committed fuzz seeds of the parsers in fingerprint/ from tests/captures.

Usage: make_seeds.py    writes tests/fuzz/corpus/{packet,tls_record,client_hello,server_hello,http}/
One seed a kind of message, named for the capture it comes from, so that a new capture adds its own.
"""
import glob
import gzip
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURES = os.path.join(HERE, '..', 'captures')
# As in fuzz_packet.cc: the first byte of a seed is an index into it.
LINKS = (0, 1, 9, 12, 14, 50, 51, 101, 108, 113, 228, 229, 276, 105)
HEADERS = {1: 14, 113: 16, 276: 20, 101: 0, 0: 4}


def packets(path):
    """Gives (link type, frame) for each packet of a pcap file; other files give nothing."""
    opener = gzip.open if path.endswith('.gz') else open
    with opener(path, 'rb') as file:
        data = file.read()
    if data[:4] not in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1'):
        return
    link, at = struct.unpack_from('<I', data, 20)[0], 24
    while at + 16 <= len(data):
        size = struct.unpack_from('<I', data, at + 8)[0]
        yield link, data[at + 16:at + 16 + size]
        at += 16 + size


def segment(link, frame):
    """Gives (flow key, sequence number, flags, payload) of a TCP segment, or None."""
    if link not in HEADERS:
        return None
    ip = frame[HEADERS[link]:]
    if len(ip) < 20:
        return None
    if ip[0] >> 4 == 4:
        tcp, protocol, ends = (ip[0] & 15) * 4, ip[9], ip[12:20]
        length = struct.unpack_from('>H', ip, 2)[0]
    else:
        tcp, protocol, ends = 40, ip[6], ip[8:40]
        length = 40 + struct.unpack_from('>H', ip, 4)[0]
    if protocol != 6 or len(ip) < tcp + 20:
        return None
    payload = ip[tcp + (ip[tcp + 12] >> 4) * 4:length]
    return ends + ip[tcp:tcp + 4], struct.unpack_from('>I', ip, tcp + 4)[0], ip[tcp + 13], payload


def streams(path):
    """Gives the first bytes of each direction of each connection, put together by sequence number."""
    base, parts = {}, {}
    for link, frame in packets(path):
        found = segment(link, frame)
        if not found:
            continue
        key, sequence, flags, payload = found
        if flags & 2:
            base[key] = sequence + 1 & 0xffffffff
            parts[key] = {}
        elif payload and key in base:
            parts[key].setdefault(sequence - base[key] & 0xffffffff, payload)
    for pieces in parts.values():
        stream = b''
        for offset in sorted(pieces):
            if offset > len(stream):
                break
            stream += pieces[offset][len(stream) - offset:]
        if stream:
            yield stream[:8192]


def handshake_body(stream):
    """Gives (type, body) of the first handshake message of a TLS stream, or None."""
    data, at = b'', 0
    while at + 5 <= len(stream) and stream[at] == 22:
        size = struct.unpack_from('>H', stream, at + 3)[0]
        data += stream[at + 5:at + 5 + size]
        at += 5 + size
    if len(data) < 4:
        return None
    size = int.from_bytes(data[1:4], 'big')
    return (data[0], data[4:4 + size]) if len(data) >= 4 + size else None


def write(target, name, data):
    folder = os.path.join(HERE, 'corpus', target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), 'wb') as file:
        file.write(data)


def handshake_messages(stream):
    """Type and body of the handshake messages that are whole in the clear records of a stream."""
    data, at = b'', 0
    while len(stream) - at >= 5 and stream[at] == 22:
        length = int.from_bytes(stream[at + 3:at + 5], 'big')
        data += stream[at + 5:at + 5 + length]
        at += 5 + length
    while len(data) >= 4:
        length = int.from_bytes(data[1:4], 'big')
        if len(data) < 4 + length:
            return
        yield data[0], data[4:4 + length]
        data = data[4 + length:]


def pieces(*streams):
    """Both sides of a session as fuzz_decrypt takes it: no secrets, then pieces with their lengths."""
    out = b'CLIENT_RANDOM ' + b'00' * 32 + b' ' + b'11' * 48 + b'\n\x00'
    for side, stream in enumerate(streams):
        for at in range(0, len(stream), 500):
            piece = stream[at:at + 500]
            out += bytes((8 | side,)) + len(piece).to_bytes(2, 'big') + piece
    return out


def main():
    for path in sorted(glob.glob(os.path.join(CAPTURES, '*.pcap'))):
        name = os.path.basename(path)[:-5]
        kinds = set()
        for link, frame in packets(path):
            found = segment(link, frame)
            kind = (found[2] & 0x12, bool(found[3])) if found else 'other'
            if kind not in kinds and link in LINKS and len(frame) <= 4096:
                kinds.add(kind)
                write('packet', f'{name}-{len(kinds)}', bytes((LINKS.index(link), 0)) + frame)
        seen = set()
        for stream in streams(path):
            for kind, body in handshake_messages(stream) if stream[0] == 22 else ():
                if kind == 11 and len(body) < 4096:
                    write('certificate', f'{name}-message', body)
                    write('certificate', name, body[6:6 + int.from_bytes(body[3:6], 'big')])
            if stream[:4] == b'PRI ':
                write('http2', name, stream[24:2048])
            if stream[:4] in (b'PRI ', b'GET ', b'HTTP') or stream[0] == 22:
                write('decrypt', f'{name}-{stream[0]}', pieces(stream[:1500]))
            if stream[0] == 22:
                message = handshake_body(stream)
                if not message or message[0] in seen:
                    continue
                seen.add(message[0])
                write('tls_record', f'{name}-{message[0]}', stream[:4096])
                if message[0] == 1:
                    write('client_hello', name, b'\x00' + message[1])
                elif message[0] == 2:
                    write('server_hello', name, b'\x00' + message[1])
            elif stream[:4] in (b'GET ', b'POST', b'HEAD', b'HTTP', b'PRI ', b'SSH-') and \
                    stream[:4] not in seen:
                seen.add(stream[:4])
                write('http', f'{name}-{len(seen)}', stream[:2048])


if __name__ == '__main__':
    main()
