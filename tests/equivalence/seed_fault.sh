#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# seed_fault.sh NUMBER SOURCE OUT: copies SOURCE/bpf/*.h to OUT/bpf with fault NUMBER (from 1) in it.
set -eu
line=$(grep -v '^#' "$(dirname "$0")/faults.sed" | sed -n "$1p")
command=$(printf '%s\n' "$line" | sed 's/^[^ ]* *//')
mkdir -p "$3/bpf"
cp "$2"/bpf/*.h "$3/bpf/"
sed "$command" "$2/bpf/selector.h" > "$3/bpf/selector.h"
if cmp -s "$2/bpf/selector.h" "$3/bpf/selector.h"; then
  echo "seed_fault.sh: fault $1 (${line%% *}) changes nothing: selector.h has other words now" >&2
  rm "$3/bpf/selector.h"
  exit 1
fi
