# SPDX-License-Identifier: Apache-2.0
"""The part `pmercury` of the conformance tier: the records of `--format pmercury` against those that
pmercury 0.2.1.3 (defects mended) wrote for the same captures, key by key."""
import collections
import json
import subprocess

# pmercury's own kinds that handprint prints under its name.
KINDS = {"tcp", "tls", "tls_server", "http", "http_server", "ssh"}
# Named here where pmercury has digits, and named as IANA does where it has names of its own.
OTHERWISE = {"signature_algorithms", "signature_algorithms_cert", "compress_certificate", "heartbeat",
             "record_size_limit", "max_fragment_length", "client_certificate_type", "server_certificate_type"}


def run(program, capture, *options):
    done = subprocess.run([str(program), "read", "--quiet", "--format", "pmercury", *options, str(capture)],
                          capture_output=True, stdin=subprocess.DEVNULL)
    return [json.loads(line) for line in done.stdout.splitlines()]


def frozen(value):
    return json.dumps(value, sort_keys=True)


def readable(kind, value):
    """Of a `readable`: what both programs name alike."""
    if kind != "tls" or not isinstance(value, dict):
        return None
    extensions = [{key: None if key in OTHERWISE else data for key, data in each.items()} for each in value["extensions"]]
    # Two suites of the draft would have the name of their successors.
    suites = [name.replace("POLY1305_OLD", "POLY1305_SHA256") for name in value["cipher_suites"]]
    return {**value, "cipher_suites": suites, "extensions": extensions}


def packet(record):
    """A packet record without what depends on the database; None for kinds that are not compared."""
    kind = next(iter(record["fingerprints"]))
    if kind not in KINDS:
        return None
    out = {key: value for key, value in record.items() if key not in ("analysis", "readable", "event_start")}
    return kind, frozen(out), record["event_start"]


def compare_packets(program, capture, expected):
    """kind → (equal, repeated, all, the first that is missed) of one capture. pmercury prints a packet
    that was sent again once more: such a row, equal to another but for its time, is `repeated`."""
    ours = set(filter(None, map(packet, run(program, capture, "-e"))))
    timeless = {row[:2] for row in ours}
    counts = collections.defaultdict(lambda: [0, 0, 0, None])
    for record in expected:
        row = packet(record)
        if row is None:
            continue
        count = counts[row[0]]
        count[2] += 1
        if row in ours:
            count[0] += 1
        elif row[:2] in timeless:
            count[1] += 1
        else:
            count[3] = count[3] or row[1]
    return counts


def flow(record, with_readable):
    """A flow record's key and its parts of the kinds that are compared."""
    ends = frozen(sorted([[record["src_ip"], record["src_port"]], [record["dst_ip"], record["dst_port"]]]))
    parts = set()
    for each in record["fingerprints"]:
        kind = next(key for key in each if key not in ("event_start", "readable", "analysis"))
        if kind not in KINDS:
            continue
        shown = readable(kind, each.get("readable")) if with_readable else None
        parts.add((kind, frozen([each["event_start"], each[kind], shown])))
    return ends, parts, frozen(record.get("tls")), record["src_ip"], record["event_start"]


def compare_flows(program, capture, expected):
    """(equal flows, all flows, the first that differs)."""
    ours = {}
    for record in run(program, capture, "-g", "-w"):
        key, parts, context, source, start = flow(record, True)
        ours.setdefault(key, (parts, context, source, start))
    equal = 0
    first = None
    for record in expected:
        key, parts, context, source, start = flow(record, True)
        if key in ours and parts <= ours[key][0] and ours[key][1:] == (context, source, start):
            equal += 1
        elif first is None:
            first = (key, sorted(parts - ours.get(key, (set(),))[0])[:1], ours.get(key, ("",) * 4)[1:], (context, source, start))
    return equal, len(expected), first
