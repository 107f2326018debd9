#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the committed fuzz seeds of QUIC, DTLS and SSH from the examples of their standards.

Usage: make_udp_seeds.py    writes tests/fuzz/corpus/{quic,dtls,ssh}/
"""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))

# RFC 9001 appendix A: the ClientHello and ServerHello, and the server's packet as it was sent.
CLIENT = bytes.fromhex(
    '010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c000004130113020100'
    '00c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d001700180010000700050461'
    '6c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d'
    '43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c0002400100'
    '3900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e515708'
    '06048000ffff')
SERVER = bytes.fromhex(
    '020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100002e003300'
    '24001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304')
PACKET = bytes.fromhex(
    'cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780b'
    'b38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19'
    'fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee')


def crypto(offset, data, kind=6):
    return bytes([kind]) + struct.pack('>HH', 0x4000 | offset, 0x4000 | len(data)) + data


def fragment(kind, number, body, start=0, end=None):
    piece = body[start:end]
    u24 = lambda n: struct.pack('>I', n)[1:]
    return bytes([kind]) + u24(len(body)) + struct.pack('>H', number) + u24(start) + u24(len(piece)) + piece


def record(content, kind=22, version=0xfeff, epoch=0):
    return struct.pack('>BHHHIH', kind, version, epoch, 0, 0, len(content)) + content


def packet(payload):
    return struct.pack('>IB', len(payload) + 7, 6) + payload + b'\x11' * 6


def kex(lists, follows=0):
    return packet(b'\x14' + b'\x22' * 16 + b''.join(struct.pack('>I', len(n)) + n for n in lists) + bytes([follows]) + bytes(4))


# Over DTLS a ClientHello has a cookie behind its session id.
hello = b'\xfe\xfd' + CLIENT[6:38] + b'\x00' + b'\x04cook' + CLIENT[39:]
answer = b'\xfe\xfd' + SERVER[6:]
lists = [b'curve25519-sha256,ext-info-c,kex-strict-c-v00@openssh.com', b'ssh-ed25519', b'aes128-gcm@openssh.com',
         b'aes128-ctr', b'hmac-sha2-256', b'hmac-sha2-256', b'none', b'none', b'', b'']
seeds = {
    'quic': {
        'server': b'\x00' + PACKET, 'coalesced': b'\x00' + PACKET + PACKET, 'cut': b'\x00' + PACKET[:90],
        'retry': b'\x00\xf0\x00\x00\x00\x01\x00\x08' + bytes(8) + b'token' + bytes(16),
        'negotiation': b'\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01',
        'version2': b'\x00\xdf\x6b\x33\x43\xcf\x08' + bytes(8) + b'\x00\x00\x40\x20' + bytes(32),
        'frames': b'\x01' + b'\x02\x00\x00\x00\x00' + crypto(60, CLIENT[60:]) + b'\x00\x01' + crypto(0, CLIENT[:60]),
        'close': b'\x01' + b'\x03\x05\x00\x01\x00\x01\x01\x02\x03\x04' + b'\x1c\x41\x00\x06\x02no',
        'google': b'\x02' + crypto(0, CLIENT, 8), 'hello': b'\x03' + CLIENT[4:]},
    'dtls': {
        'client': record(fragment(1, 0, hello)), 'server': record(fragment(2, 1, answer), version=0xfefd),
        'fragments': record(fragment(1, 0, hello, 0, 80)) + record(fragment(1, 0, hello, 80)),
        'together': record(fragment(1, 0, hello, 80) + fragment(1, 0, hello, 0, 80)),
        'verify': record(fragment(3, 0, b'\xfe\xff\x02ab')), 'alert': record(b'\x02\x28', kind=21),
        'old': record(fragment(1, 0, hello), version=0x0100),
        'encrypted': record(b'\x01', kind=20) + record(bytes(40), epoch=1), 'cut': record(fragment(1, 0, hello))[:60]},
    'ssh': {
        'client': b'SSH-2.0-OpenSSH_9.9 x\r\n' + kex(lists), 'guess': b'SSH-1.99-x\n' + kex(lists, 1),
        'banner': b'SSH-2.0-dropbear', 'cut': b'SSH-2.0-x\n' + kex(lists)[:80],
        'debug': b'SSH-2.0-x\n' + packet(b'\x02' + bytes(8)) + kex(lists), 'old': b'SSH-1.5-x\n' + bytes(20)}}
for folder, files in seeds.items():
    os.makedirs(os.path.join(HERE, 'corpus', folder), exist_ok=True)
    for name, content in files.items():
        with open(os.path.join(HERE, 'corpus', folder, name), 'wb') as file:
            file.write(content)
