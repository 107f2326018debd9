// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/pmercury_tls.h"

#include "fingerprint/grease.h"

namespace handprint {
namespace {

// The extensions that stand in the string with length and data.
constexpr bool has_data_in_string(uint16_t type) {
  switch (type) {
    case 0x0001:
    case 0x0005:
    case 0x0007:
    case 0x0008:
    case 0x0009:
    case 0x000a:
    case 0x000b:
    case 0x000d:
    case 0x000f:
    case 0x0010:
    case 0x0011:
    case 0x0013:
    case 0x0014:
    case 0x0018:
    case 0x001b:
    case 0x001c:
    case 0x002b:
    case 0x002d:
    case 0x0032:
    case 0x5500:
      return true;
    default:
      return is_grease(type);
  }
}

// The data in hexadecimal; behind the first `prefix` bytes each GREASE value is made equal.
void write_values(Bytes data, size_t prefix, Text& out) {
  if (data.size() <= prefix) return out.hex(data);
  out.hex(data.first(prefix));
  data = data.subspan(prefix);
  for (; data.size() >= 2; data = data.subspan(2)) out.hex16(without_grease(load_u16(data.data())));
  out.hex(data);
}

enum class Side : uint8_t { client, server };

void write_extension(uint16_t type, uint16_t length, Bytes data, Side side, Text& out) {
  out.put('(');
  out.hex16(without_grease(type));
  if (has_data_in_string(type)) {
    out.hex16(length);
    if (type == tls_extension::supported_groups)
      write_values(data, 2, out);
    else if (type == tls_extension::supported_versions && side == Side::client)
      write_values(data, 1, out);
    else
      out.hex(data);
  }
  out.put(')');
}

void write_extensions(const ExtensionList& extensions, Side side, Text& out) {
  out.put('(');
  for (const Extension& extension : extensions)
    write_extension(extension.type, static_cast<uint16_t>(extension.data.size()), extension.data,
                    side, out);
  // Only a cut or malformed hello has a remainder: its last extension is written as far as it goes.
  if (Bytes rest = extensions.remainder(); rest.size() >= 4)
    write_extension(load_u16(rest.data()), load_u16(rest.data() + 2), rest.subspan(4), side, out);
  out.put(')');
}

void write_leaf(uint16_t value, Text& out) {
  out.put('(');
  out.hex16(value);
  out.put(')');
}

Reason finish(size_t start, Text& out) {
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

}  // namespace

Reason write_pmercury_tls(const ClientHello& hello, Cut cut, Text& out) {
  if (hello.sslv2 || !hello.has_cipher_suites) return Reason::no_fingerprint;
  if (!hello.complete && cut == Cut::refuse) return Reason::no_fingerprint;
  size_t start = out.size();
  write_leaf(hello.legacy_version, out);
  out.put('(');
  Bytes suites = hello.cipher_suites;
  if (suites.size() >= 2) {
    out.hex16(without_grease(load_u16(suites.data())));
    suites = suites.subspan(2);
  }
  out.hex(suites);
  out.put(')');
  write_extensions(hello.extensions, Side::client, out);
  return finish(start, out);
}

Reason write_pmercury_tls_server(const ServerHello& hello, Cut cut, Text& out) {
  if (hello.random.empty() || (!hello.complete && cut == Cut::refuse))
    return Reason::no_fingerprint;
  size_t start = out.size();
  write_leaf(hello.legacy_version, out);
  write_leaf(hello.cipher_suite, out);
  write_extensions(hello.extensions, Side::server, out);
  return finish(start, out);
}

}  // namespace handprint
