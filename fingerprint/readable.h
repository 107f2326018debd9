// SPDX-License-Identifier: Apache-2.0
// Fingerprint strings turned back into their parts, with the names of their numbers. For people who
// look, not for the packet path: this allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fingerprint/registry.h"
#include "fingerprint/result.h"

namespace handprint {

// A value as JSON knows them: what a fingerprint is made of.
struct Readable {
  enum class Form : uint8_t { text, number, list, object };
  Form form = Form::text;
  std::string text;               // text: bytes as they were on the wire, not always UTF-8
  uint64_t number = 0;            // number
  std::vector<std::string> keys;  // object: one for each item; keys may come again
  std::vector<Readable> items;    // list, object

  static Readable of_text(std::string_view value);
  static Readable of_number(uint64_t value);
  static Readable list();
  static Readable object();
  // To a list; to an object. Gives the item that now stands there.
  Readable& add(Readable value);
  Readable& add(std::string_view key, Readable value);
};

struct ReadableFingerprint {
  std::string_view kind;  // "tls", "tls/1", "http_server", "ja4_r" …
  Readable parts;
  Months implemented;  // of hellos, also of JA3 and JA4
  size_t named = 0;    // numbers and algorithms that have a name
  size_t unknown = 0;  // those that have none, and stand as "unknown(0x…)"
};

// The kinds that read_fingerprint() can be told, separated by blanks.
std::string_view readable_kinds();

// Reads a fingerprint string of at most 64 KiB: pmercury's tls, tls_server, tcp, http, http_server,
// ssh, tls_certificate, tls_decrypt_http, tls_decrypt_h2 (and their _server forms), mercury's with
// its prefix, ja3 and ja3s strings, the forms of ja4, Akamai's of HTTP/2, p0f's and
// MuonFP's. `kind` tells which one it
// is; if empty, the string itself must: a prefix or its shape. Only a hello with one suite is not
// clear then, and is taken for a server's. A string that is broken gives an Error whose offset is
// that of the character (from 0) where reading ended; hashes, which nothing can be read back from,
// give one too.
//   Sources: the formats as the writers beside this file name them; Cisco mercury's NPF for the
//   prefixes.
Result<ReadableFingerprint> read_fingerprint(std::string_view text, std::string_view kind = {});

// "2018-08"; "" for an unknown month.
std::string month_text(Month month);

}  // namespace handprint
