#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the compiler cannot: which folder may include which (docs/architecture.md), that each
source file names its licence, that nothing depends on one machine or on a package registry, and that
no file grows past what a reader can hold.

Usage: check.py [ROOT]   checks the files that git knows below ROOT (default: the repository)
       check.py --self-test   breaks each rule once in a made-up tree and sees that it is noticed
Prints one line a finding, then `N passed, N failed, N skipped`; one test is one rule over the tree.
"""
import os
import re
import subprocess
import sys
import tempfile

# A folder may include itself and these; a name with a slash is one header.
ARROWS = {
    'bpf': set(),
    'fingerprint': set(),
    # The selector and the parts it is made of: the plain C that stands in both homes.
    'flow': {'fingerprint', 'bpf/selector.h', 'bpf/wire.h', 'bpf/slots.h', 'bpf/window.h'},
    'db': {'fingerprint'},
    'record': {'flow', 'db', 'fingerprint'},
    'library': {'fingerprint', 'flow', 'db'},
    'agent': {'bpf', 'fingerprint', 'flow', 'db', 'record', 'library'},
    'analyzer': {'record'},
}
SOURCE = re.compile(r'\.(c|h|cc|cpp|hpp|py|sh|def|cmake)$')
MAX_LINES = 900
GENERATED = re.compile(r'generated', re.IGNORECASE)
MACHINE_PATH = re.compile(r'(?<![\w.])/(?:home/[a-z]\w*|work/(?:main|shared|plan|build)|root/\w+)\b')
REGISTRY = re.compile(
    r'\b(?:registry\.npmjs\.org|pypi\.org|files\.pythonhosted\.org|crates\.io|proxy\.golang\.org|'
    r'repo1?\.maven\.(?:apache\.)?org|rubygems\.org|registry\.yarnpkg\.com)\b')
UNFINISHED = re.compile(r'\b(?:TODO|FIXME|XXX|HACK)\b')
# Their text must hold the words that the rules look for.
SELF = ('tests/architecture/check.py',)


def tracked(root):
    out = subprocess.run(['git', '-C', root, 'ls-files', '-z', '--cached', '--others',
                          '--exclude-standard'], capture_output=True, check=True).stdout
    return [p for p in out.decode().split('\0') if p and os.path.isfile(os.path.join(root, p))]


def is_text(data):
    return b'\0' not in data[:8192]


def include_target(line):
    match = re.match(r'\s*#\s*include\s*["<](?:\.\./)*([a-z]+)/([^">]+)[">]', line)
    return (match[1], f'{match[1]}/{match[2]}') if match and match[1] in ARROWS else None


def check_arrows(path, lines):
    folder = path.split('/')[0]
    if folder not in ARROWS or not re.search(r'\.(c|h|cc|cpp|hpp)$', path):
        return
    for number, line in enumerate(lines, 1):
        target = include_target(line)
        if not target or target[0] == folder:
            continue
        if target[0] not in ARROWS[folder] and target[1] not in ARROWS[folder]:
            yield f'{path}:{number}: {folder}/ may not include {target[1]}'


def check_relative(path, lines):
    if not re.search(r'\.(c|h|cc|cpp|hpp)$', path):
        return
    for number, line in enumerate(lines, 1):
        if re.match(r'\s*#\s*include\s*"\.\.?/', line):
            yield f'{path}:{number}: includes are written from the root, not relative'


def check_links(path, lines):
    """CMake must not link against an arrow either."""
    folder = path.split('/')[0]
    if folder not in ARROWS or not path.endswith('CMakeLists.txt'):
        return
    allowed = {name.split('/')[0] for name in ARROWS[folder]} | {folder}
    for number, line in enumerate(lines, 1):
        for name in re.findall(r'\bhp_([a-z]+)\b', line.split('#')[0]):
            if name in ARROWS and name not in allowed and 'target_link_libraries' in ''.join(
                    lines[max(0, number - 4):number]):
                yield f'{path}:{number}: {folder}/ may not link hp_{name}'


def check_licence(path, lines):
    if not SOURCE.search(path) and not (lines and lines[0].startswith('#!')):
        return
    head = '\n'.join(lines[:5])
    want = 'GPL-2.0-only OR BSD-2-Clause' if re.match(r'bpf/.*\.[ch]$|.*\.bpf\.c$', path) else 'Apache-2.0'
    if re.match(r'packaging/debian/', path) or path.endswith('.cmake'):
        return
    if f'SPDX-License-Identifier: {want}' not in head:
        yield f'{path}:1: the first lines must say SPDX-License-Identifier: {want}'


def check_pragma_once(path, lines):
    if path.endswith(('.h', '.hpp')) and not any(
            re.match(r'#pragma once|#ifndef \w+_H_?$', line) for line in lines[:60]):
        yield f'{path}:1: no #pragma once'


def check_machine(path, lines):
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            yield f'{path}:{number}: a path of one machine: {line.strip()[:80]}'


def check_registry(path, lines):
    for number, line in enumerate(lines, 1):
        if REGISTRY.search(line):
            yield f'{path}:{number}: names a package registry'


def check_unfinished(path, lines):
    if not SOURCE.search(path):
        return
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield f'{path}:{number}: a mark of unfinished work: {line.strip()[:80]}'


def check_length(path, lines):
    if SOURCE.search(path) and len(lines) > MAX_LINES and not GENERATED.search('\n'.join(lines[:10])):
        yield f'{path}: {len(lines)} lines; {MAX_LINES} is the most unless it is generated'


def check_tabs(path, lines):
    if not re.search(r'\.(cc|cpp|hpp|py|cmake)$', path):
        return
    for number, line in enumerate(lines, 1):
        if '\t' in line or line != line.rstrip():
            yield f'{path}:{number}: a tab, or blanks at the end of the line'


RULES = (check_arrows, check_relative, check_links, check_licence, check_pragma_once, check_machine,
         check_registry, check_unfinished, check_length, check_tabs)


def check_tree(root):
    """Gives {rule name: [finding]} for the tree."""
    findings = {rule.__name__[6:]: [] for rule in RULES}
    for path in tracked(root):
        with open(os.path.join(root, path), 'rb') as file:
            data = file.read()
        if not is_text(data) or path in SELF or path.startswith('LICENSE'):
            continue
        lines = data.decode('utf-8', 'replace').split('\n')
        for rule in RULES:
            findings[rule.__name__[6:]].extend(rule(path, lines))
    return findings


def self_test():
    """Each rule must notice the file that breaks it, and none may cry over a good tree."""
    spdx = '// SPDX-License-Identifier: Apache-2.0\n'
    faults = {
        'arrows': ('fingerprint/a.h', spdx + '#pragma once\n#include "flow/flow.h"\n'),
        'relative': ('flow/a.cc', spdx + '#include "../fingerprint/a.h"\n'),
        'links': ('flow/CMakeLists.txt', 'target_link_libraries(hp_flow PUBLIC hp_record)\n'),
        'licence': ('flow/b.cc', 'int x;\n'),
        'pragma_once': ('flow/b.h', spdx + 'int x;\n'),
        'machine': ('docs/a.md', 'see /home/someone/file\n'),
        'registry': ('docs/b.md', 'from https://pypi.org/simple\n'),
        'unfinished': ('flow/c.cc', spdx + '// TODO: more\n'),
        'length': ('flow/d.cc', spdx + 'int x;\n' * MAX_LINES),
        'tabs': ('flow/e.cc', spdx + '\tint x;\n'),
    }
    good = {
        'flow/good.h': spdx + '#pragma once\n#include "fingerprint/a.h"\n#include "bpf/wire.h"\n',
        'agent/good.cc': spdx + '#include "record/a.h"\n#include "bpf/maps.h"\n',
    }
    failed = 0
    for rule, (path, text) in list(faults.items()) + [('', ('', ''))]:
        with tempfile.TemporaryDirectory() as root:
            subprocess.run(['git', 'init', '-q', root], check=True)
            for name, content in {**good, **({path: text} if path else {})}.items():
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                with open(os.path.join(root, name), 'w', encoding='utf-8') as file:
                    file.write(content)
            found = {name for name, lines in check_tree(root).items() if lines}
        want = {rule} if rule else set()
        if found != want:
            print(f'FAIL self-test of {rule or "a good tree"}: noticed {sorted(found)}')
            failed += 1
    return len(faults) + 1, failed


def main():
    if len(sys.argv) > 1 and sys.argv[1] == '--self-test':
        count, failed = self_test()
        print(f'{count - failed} passed, {failed} failed, 0 skipped')
        return 1 if failed else 0
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), '..', '..')
    findings = check_tree(root)
    failed = 0
    for name, lines in findings.items():
        for line in lines[:40]:
            print(f'FAIL {name}: {line}')
        if len(lines) > 40:
            print(f'FAIL {name}: and {len(lines) - 40} more')
        failed += bool(lines)
        print(f'{name}: {"FAIL" if lines else "ok"}')
    print(f'{len(findings) - failed} passed, {failed} failed, 0 skipped')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
