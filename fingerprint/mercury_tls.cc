// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/mercury_tls.h"

#include <algorithm>
#include <array>

#include "fingerprint/grease.h"
#include "fingerprint/quic_packet.h"

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
    case 0x0018:
    case 0x001b:
    case 0x001c:
    case 0x002b:
    case 0x002d:
    case 0x0032:
    case 0x5500:
      return true;
    default:
      return false;
  }
}

// mercury takes every type whose two bytes end in "a" for GREASE, not only the 16 registered ones.
constexpr uint16_t normal_type(uint16_t type) {
  return (type & 0x0f0f) == 0x0a0a ? grease_normal : type;
}

bool is_quic_parameters(uint16_t type) {
  return type == tls_extension::quic_transport_parameters ||
         type == tls_extension::quic_transport_parameters_draft;
}

// The data in hexadecimal; behind the first `prefix` bytes each GREASE value is made equal.
void write_values(Bytes data, size_t prefix, Text& out) {
  if (data.size() <= prefix) return out.hex(data);
  out.hex(data.first(prefix));
  data = data.subspan(prefix);
  for (; data.size() >= 2; data = data.subspan(2)) out.hex16(without_grease(load_u16(data.data())));
  out.hex(data);
}

// Parameters of one hello are few; what goes beyond is left out of the string.
constexpr size_t most_parameters = 256;

void write_parameters(Bytes data, bool sorted, Text& out) {
  struct Id {
    uint64_t value;
    Bytes bytes;
  };
  std::array<Id, most_parameters> ids;
  size_t count = 0;
  static constexpr uint8_t reserved[] = {0x1b};
  QuicParameterReader reader(data);
  QuicParameter parameter;
  while (count < ids.size() && reader.next(parameter))
    ids[count++] = quic_parameter_is_reserved(parameter.id) ? Id{0x1b, Bytes(reserved)}
                                                            : Id{parameter.id, parameter.id_bytes};
  if (sorted)
    std::sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count),
              [](const Id& a, const Id& b) { return a.value < b.value; });
  out.put(sorted ? '[' : '(');
  for (size_t i = 0; i < count; ++i) {
    out.put('(');
    out.hex(ids[i].bytes);
    out.put(')');
  }
  out.put(sorted ? ']' : ')');
}

constexpr size_t most_alike = 3;
constexpr uint16_t private_use = 0xff00, unassigned = 0x003e, left_out = 0xffff;

// The type as which an extension stands in the filtered order; left_out if it does not.
constexpr uint16_t filtered_type(uint16_t type) {
  type = normal_type(type);
  if (type <= 61) {
    const bool known = type <= 20 || (type >= 22 && type <= 34) || (type >= 36 && type <= 40) || type >= 43;
    return known ? type : left_out;
  }
  switch (type) {
    case grease_normal:
    case 0x3374:
    case 0x5500:
    case 0x754f:
    case 0x7550:
    case 0xfd00:
    case 0xfe0d:
    case 0xff01:
    case 0xff03:
    case 0xffa5:
    case 0xffce:
      return type;
    default:
      return type >= private_use ? private_use : unassigned;
  }
}

enum class From : uint8_t { client, server };

void write_extension(const Extension& extension, From from, bool sorted, Text& out) {
  const uint16_t type = normal_type(extension.type);
  out.put('(');
  if (is_quic_parameters(type)) {
    out.put('(');
    out.hex16(type);
    out.put(')');
    write_parameters(extension.data, sorted, out);
  } else {
    out.hex16(type);
    if (has_data_in_string(type)) {
      out.hex16(static_cast<uint16_t>(extension.data.size()));
      if (type == tls_extension::supported_groups)
        write_values(extension.data, 2, out);
      else if (type == tls_extension::supported_versions && from == From::client)
        write_values(extension.data, 1, out);
      else
        out.hex(extension.data);
    }
  }
  out.put(')');
}

void write_sorted(const ExtensionList& extensions, bool filtered, Workspace& workspace, Text& out) {
  // Places in the block; a block of 2^16 bytes has at most 2^14 extensions.
  const Bytes block = extensions.block();
  uint16_t* const places = workspace.sort.data();
  size_t count = 0;
  const auto type_of = [filtered](uint16_t type) { return filtered ? filtered_type(type) : normal_type(type); };
  for (const Extension& extension : extensions)
    if (!filtered || filtered_type(extension.type) != left_out)
      places[count++] = static_cast<uint16_t>(extension.data.data() - block.data() - 4);
  const auto at = [&](uint16_t place) {
    const uint16_t size = load_u16(block.data() + place + 2);
    return Extension{load_u16(block.data() + place), block.subspan(place + 4u, size)};
  };
  std::sort(places, places + count, [&](uint16_t left, uint16_t right) {
    const Extension a = at(left), b = at(right);
    const uint16_t a_type = type_of(a.type), b_type = type_of(b.type);
    if (a_type != b_type) return a_type < b_type;
    if (a.data.size() != b.data.size()) return a.data.size() < b.data.size();
    return std::ranges::lexicographical_compare(a.data, b.data);
  });
  out.put('[');
  size_t alike = 0;
  for (size_t i = 0; i < count; ++i) {
    const Extension extension = at(places[i]);
    const uint16_t type = type_of(extension.type);
    alike = i > 0 && type_of(at(places[i - 1]).type) == type ? alike + 1 : 0;
    if (filtered && alike >= most_alike) continue;
    if (filtered && type != normal_type(extension.type)) {
      out.put('(');
      out.hex16(type);
      out.put(')');
    } else {
      write_extension(extension, From::client, true, out);
    }
  }
  out.put(']');
}

void write_hello(const ClientHello& hello, MercuryOrder order, Workspace& workspace, Text& out) {
  out.put('(');
  out.hex16(hello.legacy_version);
  out.put(")(");
  for (uint16_t suite : U16List(hello.cipher_suites)) out.hex16(without_grease(suite));
  out.put(')');
  if (order != MercuryOrder::wire)
    return write_sorted(hello.extensions, order == MercuryOrder::filtered, workspace, out);
  out.put('(');
  for (const Extension& extension : hello.extensions)
    write_extension(extension, From::client, false, out);
  out.put(')');
}

Reason finish(size_t start, Text& out) {
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

}  // namespace

Reason write_mercury_tls(const ClientHello& hello, MercuryOrder order, Workspace& workspace,
                         Text& out) {
  if (!hello.complete || hello.sslv2) return Reason::no_fingerprint;
  const size_t start = out.size();
  write_hello(hello, order, workspace, out);
  return finish(start, out);
}

Reason write_mercury_tls_server(const ServerHello& hello, Text& out) {
  if (!hello.complete) return Reason::no_fingerprint;
  const size_t start = out.size();
  out.put('(');
  out.hex16(hello.legacy_version);
  out.put(")(");
  out.hex16(hello.cipher_suite);
  out.put(")(");
  for (const Extension& extension : hello.extensions)
    write_extension(extension, From::server, false, out);
  out.put(')');
  return finish(start, out);
}

Reason write_mercury_quic(const ClientHello& hello, uint32_t quic_version, MercuryOrder order,
                          Workspace& workspace, Text& out) {
  if (!hello.complete || hello.sslv2) return Reason::no_fingerprint;
  const size_t start = out.size();
  out.put('(');
  out.hex16(static_cast<uint16_t>(quic_version >> 16));
  out.hex16(static_cast<uint16_t>(quic_version));
  out.put(')');
  write_hello(hello, order, workspace, out);
  return finish(start, out);
}

}  // namespace handprint
