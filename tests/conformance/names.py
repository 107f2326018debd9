# SPDX-License-Identifier: Apache-2.0
"""The part `names` of the conformance tier: `handprint lookup` reads back every fingerprint string
that the program printed or that somebody else computed, and names what is in it."""
import collections
import gzip
import json
import subprocess

# Kinds of the record whose strings lookup reads; hashes stay out.
KINDS = ("tls tls_server tcp tcp_server http http_server ssh ssh_server quic dtls dtls_server "
         "ja3_string ja3s_string ja4_r ja4_ro p0f p0f_server muonfp muonfp_server").split()
# Both ends share these shapes: only told apart by --kind.
TOLD = {"tls", "tls_server", "tcp_server", "ssh_server", "p0f_server", "muonfp_server", "ja4_r", "ja4_ro"}


def lookup(program, strings, kind=None):
    """strings → the JSON object of each."""
    command = [str(program), "lookup", "--json", "-"] + (["--kind", kind] if kind else [])
    done = subprocess.run(command, input="".join(s + "\n" for s in strings).encode(), capture_output=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(strings):
        raise ValueError(f"{len(strings)} strings, {len(answers)} answers: {done.stderr[-300:]!r}")
    return answers


def texts(value):
    """Every key and text below a JSON value."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    else:
        yield str(value)


def printed_strings(documents):
    """kind → strings, of records written with --fields all."""
    found = collections.defaultdict(set)
    for document in documents:
        for kind, values in document["handprint"].get("fingerprint", {}).items():
            if kind in KINDS:
                found[kind].update(values if isinstance(values, list) else [values])
    return found


def check_codes(program, documents, say):
    """Every string of every kind reads back; every number in it has a name or says that it has none.
    Returns (kind, problem or None) for each kind, and prints what is unknown."""
    unknown = collections.Counter()
    named = without = 0
    for kind, strings in sorted(printed_strings(documents).items()):
        strings = sorted(s for s in strings if "\n" not in s)
        problem = None
        for text, answer in zip(strings, lookup(program, strings, kind if kind in TOLD else None)):
            if "error" in answer:
                problem = problem or f"{text[:200]}: offset {answer['offset']}: {answer['error']}"
                continue
            if answer["kind"] != kind:
                problem = problem or f"{text[:200]} is taken for {answer['kind']}"
            marks = [t for t in texts(answer["parts"]) if t.startswith("unknown(0x")]
            named += answer["named"]
            without += answer["unknown"]
            if kind not in ("ssh", "ssh_server") and len(marks) != answer["unknown"]:
                problem = problem or f"{text[:200]}: {answer['unknown']} unknown, {len(marks)} shown"
            unknown.update((kind, mark) for mark in marks)
        yield kind, problem
    say(f"names: {named} numbers and algorithms named, {without} unknown, of {len(unknown)} different")
    for (kind, mark), count in unknown.most_common(12):
        say(f"names: {count} times {mark} in {kind}")
    # Corpora hold made-up code points, but seldom.
    yield "share", None if named and without * 100 <= named else f"{without} of {named + without} have no name"


def check_dates(program, database, say):
    """The dates of pmercury's database against those that lookup gives."""
    rows = [json.loads(line) for line in gzip.open(database, "rt")]
    answers = lookup(program, [row["str_repr"] for row in rows], "tls")
    equal = newer = 0
    other = []
    for row, answer in zip(rows, answers):
        ours = (answer.get("min_implementation_date"), answer.get("max_implementation_date"))
        theirs = (row["min_implementation_date"], row["max_implementation_date"])
        # The database was made before RFC 7905's suites had a date in its tables.
        chacha = any(name in json.dumps(answer) for name in ("CHACHA20_POLY1305_SHA256",))
        if ours == theirs:
            equal += 1
        elif chacha and ours[0] == theirs[0] and ours[1] > theirs[1]:
            newer += 1
        else:
            other.append((row["str_repr"][:160], theirs, ours))
    say(f"names: dates of {equal} of {len(rows)} fingerprints equal, {newer} newer by RFC 7905's suites, {len(other)} other")
    for each in other[:5]:
        say(f"names: {each}")
    return other
