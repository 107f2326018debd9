// SPDX-License-Identifier: Apache-2.0
// The strings that are made of TLS hellos: pmercury's, mercury's, JA3 and JA4.
#include <algorithm>
#include <charconv>
#include <optional>

#include "fingerprint/readable_parts.h"

namespace handprint::readable {
namespace {

// Numbers of two bytes, or of one, to the end of the cursor.
Readable names_of(Reading& reading, Cursor& in, Registry registry, size_t width,
                  bool dated = false) {
  Readable out = Readable::list();
  while (!in.empty() && !in.failed()) {
    const uint16_t code = width == 2 ? in.u16() : in.u8();
    if (!in.failed())
      out.add(Readable::of_text(reading.name(registry, code, static_cast<int>(2 * width), dated)));
  }
  return out;
}

// {"NAME_length": n, "NAME": [names]} of a list with its length in front. Nothing when the lengths
// do not agree: such data stands as digits.
std::optional<Readable> counted_list(Reading& reading, Bytes data, size_t length_width,
                                     Registry registry, size_t width, std::string_view length_key,
                                     std::string_view key) {
  Cursor in(data);
  const size_t length = length_width == 2 ? in.u16() : in.u8();
  if (in.failed() || length != in.left() || length % width != 0) return std::nullopt;
  Readable out = Readable::object();
  out.add(length_key, Readable::of_number(length));
  Readable names = names_of(reading, in, registry, width);
  // pmercury's form of the one list that usually holds one mode.
  if (key == "psk_key_exchange_mode" && names.items.size() == 1)
    out.add(key, std::move(names.items[0]));
  else
    out.add(key, std::move(names));
  return out;
}

std::optional<Readable> protocols(Bytes data) {
  Cursor in(data);
  if (in.u16() != in.left() || in.failed()) return std::nullopt;
  Readable out = Readable::list();
  while (!in.empty()) {
    const size_t size = in.u8();
    const Bytes name = in.take(size);
    if (in.failed()) return std::nullopt;
    out.add(Readable::of_text(as_text(name)));
  }
  return out;
}

std::optional<Readable> status_request(Reading& reading, Bytes data) {
  Cursor in(data);
  const uint8_t type = in.u8();
  const uint16_t responders = in.u16();
  in.skip(responders);
  const uint16_t extensions = in.u16();
  in.skip(extensions);
  if (in.failed() || !in.empty()) return std::nullopt;
  Readable out = Readable::object();
  out.add("certificate_status_type",
          Readable::of_text(reading.name(Registry::tls_certificate_status, type, 2)));
  out.add("responder_id_list_length", Readable::of_number(responders));
  out.add("request_extensions_length", Readable::of_number(extensions));
  return out;
}

// What an extension's data says; nothing where it is not understood.
std::optional<Readable> extension_data(Reading& reading, uint16_t type, Bytes data, Hello hello) {
  switch (type) {
    case 0x0001:
      if (data.size() == 1)
        return Readable::of_text(reading.name(Registry::tls_max_fragment_length, data[0], 2));
      return std::nullopt;
    case 0x0005:
      return data.empty() ? std::nullopt : status_request(reading, data);
    case 0x000a:
      return counted_list(reading, data, 2, Registry::tls_group, 2, "supported_groups_list_length",
                          "supported_groups");
    case 0x000b:
      return counted_list(reading, data, 1, Registry::tls_point_format, 1,
                          "ec_point_formats_length", "ec_point_formats");
    case 0x000d:
    case 0x0032:
      return counted_list(reading, data, 2, Registry::tls_signature, 2,
                          "signature_hash_algorithms_length", "algorithms");
    case 0x000f:
      if (data.size() == 1)
        return Readable::of_text(reading.name(Registry::tls_heartbeat_mode, data[0], 2));
      return std::nullopt;
    case 0x0010:
      return protocols(data);
    case 0x0013:
    case 0x0014:
      if (data.size() == 1)
        return Readable::of_text(reading.name(Registry::tls_certificate_type, data[0], 2));
      return counted_list(reading, data, 1, Registry::tls_certificate_type, 1,
                          "certificate_types_length", "certificate_types");
    case 0x001b:
      return counted_list(reading, data, 1, Registry::tls_certificate_compression, 2,
                          "algorithms_length", "algorithms");
    case 0x001c:
      if (data.size() == 2)
        return Readable::of_number(static_cast<uint64_t>(data[0] << 8 | data[1]));
      return std::nullopt;
    case 0x002b:
      if (hello == Hello::server && data.size() == 2)
        return Readable::of_text(
            reading.name(Registry::tls_version, static_cast<uint64_t>(data[0] << 8 | data[1]), 4));
      return counted_list(reading, data, 1, Registry::tls_version, 2,
                          "supported_versions_list_length", "supported_versions");
    case 0x002d:
      return counted_list(reading, data, 1, Registry::tls_psk_mode, 1,
                          "psk_key_exchange_modes_length", "psk_key_exchange_mode");
    default:
      return std::nullopt;
  }
}

bool read_extension(Reading& reading, const Node& node, Hello hello, Readable& out) {
  if (!node.leaf()) {
    // mercury's transport parameters: ((0039)[(id)…]).
    if (node.children.size() != 2 || node.children[0].digits.size() != 4)
      return reading.fail(node.offset, "an extension's type and its list are expected");
    Readable parameters = Readable::list();
    for (const Node& id : node.children[1].children) {
      const std::string bytes = bytes_of(id.digits);
      if (!id.leaf() || bytes.empty() || bytes.size() > 8)
        return reading.fail(id.offset, "a number of one to eight bytes is expected");
      // The id as on the wire: its first two bits say how long it is.
      const size_t width = size_t{1} << (static_cast<uint8_t>(bytes[0]) >> 6);
      uint64_t value = number_of(id.digits);
      if (width != bytes.size())
        return reading.fail(id.offset, "this is no number as QUIC writes them");
      value &= (uint64_t{1} << (8 * width - 2)) - 1;
      parameters.add(Readable::of_text(reading.name(Registry::quic_parameter, value, 2)));
    }
    Readable& item = out.add(Readable::object());
    const uint64_t type = number_of(node.children[0].digits);
    item.add(reading.name(Registry::tls_extension, type, 4, true), std::move(parameters));
    return true;
  }
  if (node.digits.size() < 4)
    return reading.fail(node.offset, "an extension's type has four digits");
  const auto type = static_cast<uint16_t>(number_of(node.digits.substr(0, 4)));
  if (node.digits.size() > 4 && node.digits.size() < 8)
    return reading.fail(node.offset + node.digits.size(), "an extension's length has four digits");
  Readable& item = out.add(Readable::object());
  const std::string key = reading.name(Registry::tls_extension, type, 4, true);
  if (node.digits.size() <= 8) {
    item.add(key, Readable::of_text(""));
    return true;
  }
  const std::string_view digits = node.digits.substr(8);
  const std::string data = bytes_of(digits);
  // A hello that was cut has less of its last extension than the length says; it stands as digits.
  const bool whole = number_of(node.digits.substr(4, 4)) == data.size();
  const size_t named = reading.result.named;
  const size_t unknown = reading.result.unknown;
  std::optional<Readable> value;
  if (whole) value = extension_data(reading, type, as_bytes(data), hello);
  if (!value) {
    reading.result.named = named;
    reading.result.unknown = unknown;
    value = Readable::of_text(digits);
  }
  item.add(key, std::move(*value));
  return true;
}

Readable version_of(Reading& reading, uint64_t version) {
  return Readable::of_text(reading.name(Registry::tls_version, version, 4));
}

bool decimal(Reading& reading, std::string_view piece, size_t offset, uint64_t largest,
             uint64_t& out) {
  const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), out);
  if (error != std::errc() || end != piece.data() + piece.size() || out > largest)
    return reading.fail(offset + static_cast<size_t>(end - piece.data()),
                        "a number up to " + std::to_string(largest) + " is expected");
  return true;
}

// "1-2-3" as names.
bool decimal_names(Reading& reading, std::string_view text, size_t offset, Registry registry,
                   int digits, bool dated, Readable& out) {
  if (text.empty()) return true;
  for (const std::string_view piece : split(text, '-')) {
    uint64_t code = 0;
    if (!decimal(reading, piece, offset, digits == 2 ? 255 : 65535, code)) return false;
    out.add(Readable::of_text(reading.name(registry, code, digits, dated)));
    offset += piece.size() + 1;
  }
  return true;
}

// "c02f,1301" as names.
bool hex_names(Reading& reading, std::string_view text, size_t offset, Registry registry,
               bool dated, Readable& out) {
  if (text.empty()) return true;
  for (const std::string_view piece : split(text, ',')) {
    if (piece.size() != 4 || !is_hex(piece))
      return reading.fail(offset, "a number of four hexadecimal digits is expected");
    out.add(Readable::of_text(reading.name(registry, number_of(piece), 4, dated)));
    offset += piece.size() + 1;
  }
  return true;
}

}  // namespace

bool read_tls(Reading& reading, const std::vector<Node>& nodes, size_t first, Hello hello,
              Readable& out) {
  // pmercury's first database (2019) has hellos without extensions in two parts.
  if (nodes.size() != first + 3 && nodes.size() != first + 2) {
    const size_t end = nodes.empty() ? 0 : nodes.back().offset;
    return reading.fail(end, "a hello has three parts: version, suites, extensions");
  }
  const Node& version = nodes[first];
  const Node& suites = nodes[first + 1];
  const Node none;
  const Node& extensions = nodes.size() > first + 2 ? nodes[first + 2] : none;
  if (!version.leaf() || version.digits.size() != 4)
    return reading.fail(version.offset, "a version of four digits is expected");
  if (!suites.leaf() || suites.digits.size() % 4 != 0)
    return reading.fail(suites.offset + suites.digits.size() / 4 * 4,
                        "cipher suites of four digits each are expected");
  out.add("version", version_of(reading, number_of(version.digits)));
  const auto suite = [&](size_t at) {
    return Readable::of_text(
        reading.name(Registry::tls_cipher, number_of(suites.digits.substr(at, 4)), 4, true));
  };
  if (hello == Hello::server) {
    if (suites.digits.size() != 4) return reading.fail(suites.offset, "a server chooses one suite");
    out.add("selected_cipher_suite", suite(0));
  } else {
    Readable& list = out.add("cipher_suites", Readable::list());
    for (size_t at = 0; at < suites.digits.size(); at += 4) list.add(suite(at));
  }
  Readable& list = out.add("extensions", Readable::list());
  // That database has a single extension without the parentheses of its list.
  if (!extensions.digits.empty()) return read_extension(reading, extensions, hello, list);
  return std::all_of(extensions.children.begin(), extensions.children.end(),
                     [&](const Node& node) { return read_extension(reading, node, hello, list); });
}

bool read_ja3(Reading& reading, std::string_view text, Hello hello) {
  reading.result.kind = hello == Hello::client ? "ja3_string" : "ja3s_string";
  reading.result.parts = Readable::object();
  Readable& out = reading.result.parts;
  const auto parts = split(text, ',');
  const size_t wanted = hello == Hello::client ? 5 : 3;
  if (parts.size() != wanted)
    return reading.fail(text.size(), std::to_string(wanted) + " parts between commas are expected");
  uint64_t version = 0;
  size_t offset = 0;
  if (!decimal(reading, parts[0], 0, 65535, version)) return false;
  out.add("version", version_of(reading, version));
  offset += parts[0].size() + 1;
  Readable suites = Readable::list();
  if (!decimal_names(reading, parts[1], offset, Registry::tls_cipher, 4, true, suites))
    return false;
  if (hello == Hello::client)
    out.add("cipher_suites", std::move(suites));
  else if (suites.items.size() == 1)
    out.add("selected_cipher_suite", std::move(suites.items[0]));
  else
    return reading.fail(offset, "a server chooses one suite");
  offset += parts[1].size() + 1;
  if (!decimal_names(reading, parts[2], offset, Registry::tls_extension, 4, true,
                     out.add("extensions", Readable::list())))
    return false;
  if (hello == Hello::server) return true;
  offset += parts[2].size() + 1;
  if (!decimal_names(reading, parts[3], offset, Registry::tls_group, 4, false,
                     out.add("supported_groups", Readable::list())))
    return false;
  offset += parts[3].size() + 1;
  return decimal_names(reading, parts[4], offset, Registry::tls_point_format, 2, false,
                       out.add("ec_point_formats", Readable::list()));
}

bool looks_like_ja4(std::string_view text) {
  return text.size() > 10 && text[10] == '_' &&
         (text[0] == 't' || text[0] == 'q' || text[0] == 'd') && (text[3] == 'd' || text[3] == 'i');
}

bool read_ja4(Reading& reading, std::string_view text, std::string_view kind) {
  reading.result.parts = Readable::object();
  Readable& out = reading.result.parts;
  const auto parts = split(text, '_');
  const std::string_view head = parts[0];
  if (head.size() != 10)
    return reading.fail(std::min<size_t>(head.size(), 10),
                        "the first part of a JA4 has ten characters");
  const std::string_view transports = "tqd";
  const std::string_view transport = head[0] == 't' ? "TCP" : head[0] == 'q' ? "QUIC" : "DTLS";
  if (transports.find(head[0]) == std::string_view::npos)
    return reading.fail(0, "t, q or d is expected");
  struct Version {
    std::string_view code, name;
  };
  std::string_view version;
  for (const auto& [code, name] : {Version{"13", "TLS 1.3"},
                                   {"12", "TLS 1.2"},
                                   {"11", "TLS 1.1"},
                                   {"10", "TLS 1.0"},
                                   {"s3", "SSL 3.0"},
                                   {"s2", "SSL 2.0"},
                                   {"d1", "DTLS 1.0"},
                                   {"d2", "DTLS 1.2"},
                                   {"d3", "DTLS 1.3"},
                                   {"00", "unknown"}})
    if (head.substr(1, 2) == code) version = name;
  if (version.empty()) return reading.fail(1, "a version such as 13 or d2 is expected");
  if (head[3] != 'd' && head[3] != 'i')
    return reading.fail(3, "d (a server name) or i (none) is expected");
  uint64_t suites = 0;
  uint64_t extensions = 0;
  if (!decimal(reading, head.substr(4, 2), 4, 99, suites) ||
      !decimal(reading, head.substr(6, 2), 6, 99, extensions))
    return false;
  out.add("transport", Readable::of_text(transport));
  out.add("version", Readable::of_text(version));
  out.add("server_name", Readable::of_text(head[3] == 'd' ? "present" : "absent"));
  out.add("cipher_suite_count", Readable::of_number(suites));
  out.add("extension_count", Readable::of_number(extensions));
  out.add("application_protocol", Readable::of_text(head.substr(8)));
  const bool hashed = parts.size() == 3 && parts[1].size() == 12 && is_hex(parts[1]) &&
                      parts[1].find(',') == std::string_view::npos;
  if ((kind == "ja4" || kind == "ja4_o") && !hashed)
    return reading.fail(11, "a hash of twelve digits is expected");
  const size_t second = head.size() + 1;
  if (hashed) {
    reading.result.kind = kind.empty() ? "ja4" : kind;
    if (parts[2].size() != 12 || !is_hex(parts[2]))
      return reading.fail(24, "a hash of twelve digits is expected");
    out.add("cipher_suites_sha256", Readable::of_text(parts[1]));
    out.add("extensions_and_signature_algorithms_sha256", Readable::of_text(parts[2]));
    return true;
  }
  if (parts.size() < 2 || parts.size() > 4)
    return reading.fail(text.size(), "two to four parts between \"_\" are expected");
  if (!hex_names(reading, parts[1], second, Registry::tls_cipher, true,
                 out.add("cipher_suites", Readable::list())))
    return false;
  size_t offset = second + parts[1].size() + 1;
  Readable& list = out.add("extensions", Readable::list());
  if (parts.size() > 2 &&
      !hex_names(reading, parts[2], offset, Registry::tls_extension, true, list))
    return false;
  if (parts.size() > 2) offset += parts[2].size() + 1;
  Readable& signatures = out.add("signature_algorithms", Readable::list());
  if (parts.size() > 3 &&
      !hex_names(reading, parts[3], offset, Registry::tls_signature, false, signatures))
    return false;
  const auto ordered = [](std::string_view part) {
    const auto pieces = split(part, ',');
    return std::is_sorted(pieces.begin(), pieces.end());
  };
  reading.result.kind = !kind.empty()                                                  ? kind
                        : ordered(parts[1]) && (parts.size() < 3 || ordered(parts[2])) ? "ja4_r"
                                                                                       : "ja4_ro";
  return true;
}

}  // namespace handprint::readable
