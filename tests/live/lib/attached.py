# SPDX-License-Identifier: Apache-2.0
"""Prints how many programs hang on an interface of this network namespace: TCX links, XDP, and the
filters of clsact. bpftool of Debian 12 does not know TCX, so the kernel is asked directly.

  attached.py INTERFACE
"""
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys

BPF_PROG_QUERY, TCX_INGRESS, TCX_EGRESS = 16, 46, 47


def tcx(interface, where):
    """Number of programs; 0 where the kernel has no TCX."""
    ids = (ctypes.c_uint32 * 64)()
    attributes = ctypes.create_string_buffer(struct.pack(
        "=IIIIQIIQQQQ", socket.if_nametoindex(interface), where, 0, 0, ctypes.addressof(ids), 64, 0,
        0, 0, 0, 0), 128)
    number = 321 if os.uname().machine == "x86_64" else 280
    if ctypes.CDLL(None).syscall(number, BPF_PROG_QUERY, attributes, 72) < 0:
        return 0
    return struct.unpack_from("=I", attributes, 24)[0]


def main():
    interface = sys.argv[1]
    link = subprocess.run(["ip", "-d", "link", "show", "dev", interface], capture_output=True,
                          text=True, check=True).stdout
    filters = ""
    for direction in ("ingress", "egress"):
        filters += subprocess.run(["tc", "filter", "show", "dev", interface, direction],
                                  capture_output=True, text=True, check=False).stdout
    print(json.dumps({"tcx": tcx(interface, TCX_INGRESS) + tcx(interface, TCX_EGRESS),
                      "xdp": link.count("prog/xdp"), "clsact": filters.count(" bpf ")
                      - filters.count(" bpf chain 0 \n")}))


if __name__ == "__main__":
    main()
