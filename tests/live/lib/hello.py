# SPDX-License-Identifier: Apache-2.0
"""What a ClientHello must give, computed apart from the product: server name, JA3 and JA4."""
import hashlib


def is_grease(value):
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise ValueError(f"message ends at {len(self.data)}, wanted {size} bytes at {self.at}")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def block(self, size):
        return Reader(self.take(self.number(size)))

    def list16(self):
        values = []
        while self.at < len(self.data):
            values.append(self.number(2))
        return values


def handshake(stream):
    """The first handshake message (type, body) of a stream of TLS records; None while incomplete."""
    body, at = b"", 0
    while at + 5 <= len(stream) and stream[at] == 22:
        size = int.from_bytes(stream[at + 3:at + 5], "big")
        body += stream[at + 5:at + 5 + size]
        at += 5 + size
        if len(body) >= 4 and len(body) >= 4 + int.from_bytes(body[1:4], "big"):
            return body[0], body[4:4 + int.from_bytes(body[1:4], "big")]
    return None


class ClientHello:
    """Parses the body of a ClientHello (RFC 8446 section 4.1.2); ValueError on bad input."""

    def __init__(self, body):
        reader = Reader(body)
        self.version = reader.number(2)
        reader.take(32)
        reader.block(1)
        self.ciphers = reader.block(2).list16()
        reader.block(1)
        self.extensions, self.server_name, self.alpn = [], None, []
        self.groups, self.formats, self.signatures, self.versions = [], [], [], []
        if reader.at == len(body):
            return
        extensions = reader.block(2)
        while extensions.at < len(extensions.data):
            kind = extensions.number(2)
            value = extensions.block(2)
            self.extensions.append(kind)
            if kind == 0 and value.data:
                names = value.block(2)
                names.take(1)
                self.server_name = names.block(2).data.decode("ascii", "replace")
            elif kind == 10:
                self.groups = value.block(2).list16()
            elif kind == 11:
                self.formats = list(value.block(1).data)
            elif kind == 13:
                self.signatures = value.block(2).list16()
            elif kind == 16:
                names = value.block(2)
                while names.at < len(names.data):
                    self.alpn.append(names.block(1).data)
            elif kind == 43:
                self.versions = value.block(1).list16()

    def ja3(self):
        def dashed(values):
            return "-".join(str(v) for v in values if not is_grease(v))
        text = ",".join([str(self.version), dashed(self.ciphers), dashed(self.extensions),
                         dashed(self.groups), "-".join(map(str, self.formats))])
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def ja4(self):
        def digest(text):
            return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12
        names = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
        ciphers = [c for c in self.ciphers if not is_grease(c)]
        extensions = [e for e in self.extensions if not is_grease(e)]
        version = max([v for v in self.versions if not is_grease(v)], default=self.version)
        alpn = "00"
        if self.alpn and self.alpn[0]:
            first = self.alpn[0]
            ends = bytes((first[0], first[-1]))
            alpn = (ends.decode() if all(chr(b).isalnum() and b < 128 for b in ends)
                    else first.hex()[0] + first.hex()[-1])
        sorted_extensions = ",".join(f"{e:04x}" for e in sorted(extensions) if e not in (0, 16))
        signatures = ",".join(f"{s:04x}" for s in self.signatures if not is_grease(s))
        tail = sorted_extensions + (f"_{signatures}" if signatures else "")
        return (f"t{names.get(version, '00')}{'d' if 0 in self.extensions else 'i'}"
                f"{min(len(ciphers), 99):02d}{min(len(extensions), 99):02d}{alpn}"
                f"_{digest(','.join(f'{c:04x}' for c in sorted(ciphers)))}"
                f"_{digest(tail if extensions else '')}")
