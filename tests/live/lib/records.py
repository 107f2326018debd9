# SPDX-License-Identifier: Apache-2.0
"""Documents as the product prints them: one JSON object a line, field names dotted or nested."""
import ipaddress
import json


def flatten(value, prefix=""):
    """{"a": {"b": 1}} and {"a.b": 1} both give {"a.b": 1}; lists stay as they are."""
    result = {}
    for key, item in value.items():
        if isinstance(item, dict):
            result.update(flatten(item, f"{prefix}{key}."))
        else:
            result[prefix + key] = item
    return result


def address(text):
    parsed = ipaddress.ip_address(text)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def many(value):
    """A field that may stand alone or in a list, as a list."""
    return [] if value is None else value if isinstance(value, list) else [value]


class Record:
    def __init__(self, fields):
        self.fields = flatten(fields)

    def get(self, name, default=None):
        """A field, or a list of subordinate fields' values where the name is an object."""
        return self.fields.get(name, default)

    def under(self, prefix):
        return {k[len(prefix) + 1:]: v for k, v in self.fields.items()
                if k.startswith(prefix + ".")}

    @property
    def key(self):
        """(client address, client port, server address, server port)"""
        try:
            return (address(self.get("source.ip")), int(self.get("source.port")),
                    address(self.get("destination.ip")), int(self.get("destination.port")))
        except (TypeError, ValueError):
            return None

    @property
    def id(self):
        return self.get("event.id")

    @property
    def part(self):
        return self.get("handprint.part", 1)

    def fingerprint(self, kind):
        return many(self.get(f"handprint.fingerprint.{kind}"))


def read(path, offset=0):
    """Records of a file of JSON lines, from this byte on. A line that is not JSON, or cut, ends the test."""
    records = []
    with open(path, encoding="utf-8") as file:
        file.seek(offset)
        for number, line in enumerate(file, 1):
            if not line.endswith("\n"):
                raise ValueError(f"{path}:{number}: the last line is cut: {line[-60:]!r}")
            try:
                records.append(Record(json.loads(line)))
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}: {line[:120]!r}") from None
    return records


def tail_count(path):
    """Whole lines so far, of a file that is still being written."""
    try:
        with open(path, "rb") as file:
            return file.read().count(b"\n")
    except FileNotFoundError:
        return 0
