// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/ja4.h"

#include <algorithm>

#include "fingerprint/grease.h"

namespace handprint {
namespace {

// Lists of a real hello are short, and insertion beats every other way there; a hostile one with
// thousands of values must not cost their square.
void sort_values(std::span<uint16_t> values) {
  if (values.size() > 64) {
    std::ranges::sort(values);
    return;
  }
  for (size_t i = 1; i < values.size(); ++i) {
    uint16_t value = values[i];
    size_t j = i;
    for (; j > 0 && values[j - 1] > value; --j) values[j] = values[j - 1];
    values[j] = value;
  }
}

std::string_view version_code(uint16_t version) {
  switch (version) {
    case 0x0304:
      return "13";
    case 0x0303:
      return "12";
    case 0x0302:
      return "11";
    case 0x0301:
      return "10";
    case 0x0300:
      return "s3";
    case 0x0002:
      return "s2";
    case 0xfeff:
      return "d1";
    case 0xfefd:
      return "d2";
    case 0xfefc:
      return "d3";
    default:
      return "00";
  }
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// First and last character of the first protocol name; of its hexadecimal form when one of the two
// is no letter or digit.
void write_alpn(std::string_view protocol, Text& out) {
  if (protocol.empty()) return out.put("00");
  char first = protocol.front();
  char last = protocol.back();
  if (is_alphanumeric(first) && is_alphanumeric(last)) {
    out.put(first);
    out.put(last);
    return;
  }
  out.put(detail::hex_pairs[2 * static_cast<size_t>(static_cast<uint8_t>(first))]);
  out.put(detail::hex_pairs[2 * static_cast<size_t>(static_cast<uint8_t>(last)) + 1]);
}

// The signature algorithms behind the extensions: "_0403,0804", nothing when there are none.
void write_signature_algorithms(const ClientHello& hello, Text& out) {
  char separator = '_';
  for (uint16_t scheme : U16List(hello.signature_algorithms)) {
    if (is_grease(scheme)) continue;
    out.put(separator);
    out.hex16(scheme);
    separator = ',';
  }
}

// The first 12 hexadecimal digits of the SHA-256, zeros for an empty text.
bool write_hash(std::string_view text, Digests& digests, Text& out) {
  if (text.empty()) {
    out.put("000000000000");
    return true;
  }
  Sha256 digest;
  if (!digests.sha256(as_bytes(text), digest)) return false;
  out.hex(Bytes(digest).first(6));
  return true;
}

constexpr bool depends_on_the_session(uint16_t type) {
  return type == 0x0015 || type == 0x0023 || type == 0x0029 || type == 0x002a;
}

}  // namespace

Reason write_ja4(const ClientHello& hello, Ja4Form form, Workspace& workspace, Text& out) {
  if (!hello.complete || hello.sslv2) return Reason::no_fingerprint;
  const bool stable = form == Ja4Form::stable;
  const bool sorted = form == Ja4Form::ja4 || form == Ja4Form::ja4_r || stable;
  const bool hashed = form == Ja4Form::ja4 || form == Ja4Form::ja4_o || stable;
  const size_t start = out.size();

  // Suites and extensions share the scratch: together they are shorter than 2^16 bytes of message.
  uint16_t* const suites = workspace.sort.data();
  size_t suite_count = 0;
  for (uint16_t suite : U16List(hello.cipher_suites))
    if (!is_grease(suite)) suites[suite_count++] = suite;
  uint16_t* const types = suites + suite_count;
  const size_t type_room = workspace.sort.size() - suite_count;
  size_t type_count = 0;       // kept in part c
  size_t extension_count = 0;  // counted in part a
  for (const Extension& extension : hello.extensions) {
    if (is_grease(extension.type) || (stable && depends_on_the_session(extension.type))) continue;
    ++extension_count;
    if (sorted &&
        (extension.type == tls_extension::server_name || extension.type == tls_extension::alpn))
      continue;
    if (type_count == type_room) return Reason::too_long;
    types[type_count++] = extension.type;
  }
  if (sorted) {
    sort_values({suites, suite_count});
    sort_values({types, type_count});
  }

  // part a
  out.put(hello.transport == HelloTransport::quic   ? 'q'
          : hello.transport == HelloTransport::dtls ? 'd'
                                                    : 't');
  out.put(version_code(hello.version()));
  out.put(hello.has_server_name ? 'd' : 'i');
  out.dec2(suite_count);
  out.dec2(extension_count);
  write_alpn(hello.first_alpn(), out);
  out.put('_');

  // parts b and c
  if (hashed) {
    Text scratch(workspace.text);
    scratch.hex16_list({suites, suite_count}, ',');
    if (!write_hash(scratch.view(), workspace.digests, out)) {
      out.rewind(start);
      return Reason::digest_unavailable;
    }
    out.put('_');
    scratch.clear();
    scratch.hex16_list({types, type_count}, ',');
    write_signature_algorithms(hello, scratch);
    if (scratch.truncated() || !write_hash(scratch.view(), workspace.digests, out)) {
      bool no_room = scratch.truncated();
      out.rewind(start);
      return no_room ? Reason::too_long : Reason::digest_unavailable;
    }
  } else {
    out.hex16_list({suites, suite_count}, ',');
    out.put('_');
    out.hex16_list({types, type_count}, ',');
    write_signature_algorithms(hello, out);
  }
  if (out.truncated()) {
    out.rewind(start);
    return Reason::too_long;
  }
  return Reason::ok;
}

}  // namespace handprint
