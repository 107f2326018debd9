// SPDX-License-Identifier: Apache-2.0
// The strings of TCP, HTTP, SSH, certificates and of what mercury has beside them.
#include <algorithm>

#include "fingerprint/readable_parts.h"

namespace handprint::readable {
namespace {

// A leaf, or a fault at its place.
bool want_leaf(Reading& reading, const Node& node) {
  return node.leaf() || reading.fail(node.offset, "hexadecimal digits are expected");
}

bool want_count(Reading& reading, const std::vector<Node>& nodes, size_t least,
                std::string_view what) {
  if (nodes.size() >= least) return true;
  return reading.fail(
      nodes.empty() ? 0 : nodes.back().offset + nodes.back().digits.size(),
      "at least " + std::to_string(least) + " parts are expected: " + std::string(what));
}

bool read_tcp_option(Reading& reading, const Node& node, Readable& out) {
  if (!want_leaf(reading, node)) return false;
  if (node.digits.size() < 2) return reading.fail(node.offset, "an option's kind has two digits");
  const uint64_t kind = number_of(node.digits.substr(0, 2));
  const std::string name = reading.name(Registry::tcp_option, kind, 2);
  Readable& item = out.add(Readable::object());
  const std::string_view data = node.digits.size() > 4 ? node.digits.substr(4) : std::string_view();
  if ((kind == 2 && data.size() == 4) || (kind == 3 && data.size() == 2))
    item.add(name, Readable::of_number(number_of(data)));
  else
    item.add(name, Readable::of_text(data));
  return true;
}

// "Name: value", or only a name.
void add_line(Readable& out, std::string_view line) {
  // The name of a pseudo header of HTTP/2 begins with a colon.
  const size_t at = line.find(':', 1);
  Readable& item = out.add(Readable::object());
  if (at == std::string_view::npos) {
    item.add(line, Readable::of_text(""));
    return;
  }
  std::string_view value = line.substr(at + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  item.add(line.substr(0, at), Readable::of_text(value));
}

Readable names(Reading& reading, Registry registry, const std::string& text) {
  Readable out = Readable::list();
  if (text.empty()) return out;
  for (const std::string_view name : split(text, ',')) out.add(reading.algorithm(registry, name));
  return out;
}

Readable plain_names(const std::string& text) {
  Readable out = Readable::list();
  for (const std::string_view name : split(text, ',')) out.add(Readable::of_text(name));
  return out;
}

// ((name)(value))… of a certificate's issuer and subject.
bool read_distinguished_name(Reading& reading, const Node& node, Readable& out) {
  for (const Node& part : node.children) {
    if (part.children.size() != 2)
      return reading.fail(part.offset, "a name and a value are expected");
    out.add(bytes_of(part.children[0].digits),
            Readable::of_text(bytes_of(part.children[1].digits)));
  }
  return true;
}

std::string text_of(const Node& node) { return bytes_of(node.digits); }

}  // namespace

bool read_tcp(Reading& reading, const std::vector<Node>& nodes, bool mercury) {
  reading.result.parts = Readable::object();
  Readable& out = reading.result.parts;
  if (!want_count(reading, nodes, mercury ? 5 : 1,
                  mercury ? "IP version, ID, TTL, window, options" : "window"))
    return false;
  for (size_t i = 0; i < (mercury ? 4 : 1); ++i)
    if (!want_leaf(reading, nodes[i])) return false;
  const Node& window = nodes[mercury ? 3 : 0];
  if (window.digits.size() != 4)
    return reading.fail(window.offset, "a window of four digits is expected");
  if (mercury) {
    if (nodes[0].digits != "40" && nodes[0].digits != "60")
      return reading.fail(nodes[0].offset, "40 (IPv4) or 60 (IPv6) is expected");
    if (nodes[2].digits.size() != 2)
      return reading.fail(nodes[2].offset, "a TTL of two digits is expected");
    out.add("ip_version", Readable::of_number(nodes[0].digits == "40" ? 4 : 6));
    out.add(nodes[0].digits == "40" ? "id" : "flow_label",
            Readable::of_text(nodes[1].digits.empty() ? "not zero" : "zero"));
    out.add("ttl_at_least", Readable::of_number(number_of(nodes[2].digits)));
  }
  out.add("window", Readable::of_number(number_of(window.digits)));
  Readable& options = out.add("options", Readable::list());
  const auto each = [&](const Node& node) { return read_tcp_option(reading, node, options); };
  return mercury ? std::all_of(nodes[4].children.begin(), nodes[4].children.end(), each)
                 : std::all_of(nodes.begin() + 1, nodes.end(), each);
}

bool read_http(Reading& reading, const std::vector<Node>& nodes, Hello hello, bool mercury) {
  reading.result.parts = Readable::list();
  Readable& out = reading.result.parts;
  const auto add = [&](std::string_view key, const Node& node) {
    out.add(Readable::object()).add(key, Readable::of_text(text_of(node)));
  };
  const size_t fixed = hello == Hello::client ? 2 : 3;
  if (!want_count(reading, nodes, fixed,
                  hello == Hello::client ? "method, version" : "version, code, reason"))
    return false;
  for (const Node& node : nodes)
    if (!(mercury && &node == &nodes.back()) && !want_leaf(reading, node)) return false;
  size_t headers = fixed;
  if (hello == Hello::client) {
    add("method", nodes[0]);
    // pmercury's configuration can put the URI between method and version.
    if (!mercury && nodes.size() > 2 && !text_of(nodes[1]).starts_with("HTTP/") &&
        text_of(nodes[2]).starts_with("HTTP/")) {
      add("uri", nodes[1]);
      add("version", nodes[2]);
      headers = 3;
    } else {
      add("version", nodes[1]);
    }
  } else {
    add("version", nodes[0]);
    add("code", nodes[1]);
    add("reason", nodes[2]);
  }
  if (mercury) {
    if (nodes.size() != fixed + 1 || !nodes.back().digits.empty())
      return reading.fail(nodes.back().offset, "a list of headers is expected");
    for (const Node& node : nodes.back().children) {
      if (!want_leaf(reading, node)) return false;
      add_line(out, text_of(node));
    }
    return true;
  }
  for (size_t i = headers; i < nodes.size(); ++i) add_line(out, text_of(nodes[i]));
  return true;
}

bool read_header_lines(Reading& reading, const std::vector<Node>& nodes) {
  reading.result.parts = Readable::list();
  for (const Node& node : nodes) {
    if (!want_leaf(reading, node)) return false;
    add_line(reading.result.parts, text_of(node));
  }
  return true;
}

bool read_ssh(Reading& reading, const std::vector<Node>& nodes, bool banner, bool lists) {
  struct Row {
    std::string_view key;
    Registry registry;
    bool known;
  };
  static constexpr Row rows[] = {{"kex_algos", Registry::ssh_kex, true},
                                 {"s_host_key_algos", Registry::ssh_host_key, true},
                                 {"c_enc_algos", Registry::ssh_cipher, true},
                                 {"s_enc_algos", Registry::ssh_cipher, true},
                                 {"c_mac_algos", Registry::ssh_mac, true},
                                 {"s_mac_algos", Registry::ssh_mac, true},
                                 {"c_comp_algos", Registry::ssh_compression, true},
                                 {"s_comp_algos", Registry::ssh_compression, true},
                                 {"c_languages", Registry::ssh_kex, false},
                                 {"s_languages", Registry::ssh_kex, false}};
  reading.result.parts = Readable::object();
  Readable& out = reading.result.parts;
  const size_t wanted = (banner ? 1 : 0) + (lists ? std::size(rows) : 0);
  if (nodes.size() != wanted)
    return reading.fail(nodes.empty() ? 0 : nodes.back().offset + nodes.back().digits.size(),
                        std::to_string(wanted) + " parts are expected, " +
                            std::to_string(nodes.size()) + " are there");
  for (const Node& node : nodes)
    if (!want_leaf(reading, node)) return false;
  size_t at = 0;
  if (banner) out.add("protocol", plain_names(text_of(nodes[at++])));
  if (!lists) return true;
  for (const Row& row : rows) {
    const std::string text = text_of(nodes[at++]);
    out.add(row.key, row.known ? names(reading, row.registry, text) : plain_names(text));
  }
  return true;
}

bool read_certificate(Reading& reading, const std::vector<Node>& nodes) {
  reading.result.parts = Readable::object();
  Readable& out = reading.result.parts;
  if (nodes.size() != 8)
    return reading.fail(nodes.empty() ? 0 : nodes.back().offset,
                        "eight parts are expected, from serial number to extensions");
  for (const size_t i : {0, 1, 3, 4})
    if (!want_leaf(reading, nodes[i])) return false;
  out.add("serial_number", Readable::of_text(nodes[0].digits));
  out.add("signature_algorithm", Readable::of_text(text_of(nodes[1])));
  if (!read_distinguished_name(reading, nodes[2], out.add("issuer", Readable::object())))
    return false;
  out.add("validity_not_before", Readable::of_text(text_of(nodes[3])));
  out.add("validity_not_after", Readable::of_text(text_of(nodes[4])));
  if (!read_distinguished_name(reading, nodes[5], out.add("subject", Readable::object())))
    return false;
  Readable& key = out.add("public_key", Readable::object());
  const auto& parts = nodes[6].children;
  if (parts.empty()) {
    key.add("type", Readable::of_text("unknown"));
  } else {
    const std::string type = text_of(parts[0]);
    key.add("type", Readable::of_text(type));
    if (parts.size() > 1) {
      // The size in hexadecimal digits, written as text: 2048 is "0800".
      const std::string size = text_of(parts[1]);
      if (size.empty() || size.size() > 8 || !is_hex(size))
        return reading.fail(parts[1].offset, "a size in hexadecimal digits is expected");
      key.add("key_size", Readable::of_number(number_of(size)));
    }
    static constexpr std::string_view rsa[] = {"public_modulus", "public_exponent"};
    static constexpr std::string_view ec[] = {"curve_name"};
    static constexpr std::string_view dsa[] = {"public_y", "p", "q", "g"};
    const bool is_rsa = type == "RSAPublicKey";
    const bool is_ec = type == "ECPublicKey";
    for (size_t i = 2; i < parts.size(); ++i) {
      const size_t at = i - 2;
      const std::string_view name = is_rsa && at < std::size(rsa) ? rsa[at]
                                    : is_ec && at < std::size(ec) ? ec[at]
                                    : !is_rsa && !is_ec && at < std::size(dsa)
                                        ? dsa[at]
                                        : std::string_view("further");
      key.add(name, Readable::of_text(text_of(parts[i])));
    }
  }
  Readable& extensions = out.add("extensions", Readable::object());
  for (const Node& node : nodes[7].children) {
    if (node.children.size() != 1)
      return reading.fail(node.offset, "an extension's name is expected");
    extensions.add(text_of(node.children[0]), Readable::of_text(""));
  }
  return true;
}

bool read_dhcp(Reading& reading, const std::vector<Node>& nodes) {
  reading.result.parts = Readable::object();
  Readable& out = reading.result.parts.add("options", Readable::list());
  if (nodes.size() != 1)
    return reading.fail(nodes.empty() ? 0 : nodes.back().offset, "one list of options is expected");
  for (const Node& node : nodes[0].children) {
    if (!want_leaf(reading, node)) return false;
    const uint64_t tag = number_of(node.digits.substr(0, 2));
    const std::string name = reading.name(Registry::dhcp_option, tag, 2);
    const std::string data =
        node.digits.size() > 4 ? bytes_of(node.digits.substr(4)) : std::string();
    Readable& item = out.add(Readable::object());
    if (tag == 55) {
      Readable& list = item.add(name, Readable::list());
      for (const char c : data)
        list.add(
            Readable::of_text(reading.name(Registry::dhcp_option, static_cast<uint8_t>(c), 2)));
    } else if (tag == 60) {
      item.add(name, Readable::of_text(data));
    } else {
      item.add(name, Readable::of_text(node.digits.size() > 4 ? node.digits.substr(4)
                                                              : std::string_view()));
    }
  }
  return true;
}

bool read_stun(Reading& reading, const std::vector<Node>& nodes) {
  reading.result.parts = Readable::object();
  Readable& out = reading.result.parts;
  if (!want_count(reading, nodes, 4, "class, method, magic, attributes")) return false;
  for (size_t i = 0; i < 3; ++i)
    if (!want_leaf(reading, nodes[i])) return false;
  out.add("class",
          Readable::of_text(reading.name(Registry::stun_class, number_of(nodes[0].digits), 2)));
  out.add("method",
          Readable::of_text(reading.name(Registry::stun_method, number_of(nodes[1].digits), 4)));
  out.add("magic_cookie", Readable::of_text(nodes[2].digits == "01" ? "present" : "absent"));
  Readable& attributes = out.add("attributes", Readable::list());
  for (const Node& node : nodes[3].children) {
    if (!want_leaf(reading, node)) return false;
    if (node.digits.size() < 4)
      return reading.fail(node.offset, "an attribute's type has four digits");
    const std::string name =
        reading.name(Registry::stun_attribute, number_of(node.digits.substr(0, 4)), 4);
    attributes.add(Readable::object()).add(name, Readable::of_text(node.digits.substr(4)));
  }
  return true;
}

bool read_openvpn(Reading& reading, const std::vector<Node>& nodes) {
  reading.result.parts = Readable::object();
  Readable& out = reading.result.parts;
  if (nodes.size() < 7)
    return reading.fail(nodes.empty() ? 0 : nodes.back().offset, "seven parts are expected");
  for (size_t i = 0; i < 4; ++i)
    if (!want_leaf(reading, nodes[i])) return false;
  out.add("transport", Readable::of_text(nodes[0].digits == "06"   ? "TCP"
                                         : nodes[0].digits == "11" ? "UDP"
                                                                   : nodes[0].digits));
  out.add("packet_count", Readable::of_text(nodes[1].digits));
  out.add("opcode_and_key_id", Readable::of_text(nodes[2].digits));
  out.add("hmac_length", Readable::of_number(number_of(nodes[3].digits.substr(0, 16))));
  return read_tls(reading, nodes, 4, Hello::client, out.add("tls", Readable::object()));
}

bool read_muonfp(Reading& reading, std::string_view text) {
  if (reading.result.kind.empty()) reading.result.kind = "muonfp";
  reading.result.parts = Readable::object();
  Readable& out = reading.result.parts;
  const auto parts = split(text, ':');
  if (parts.size() != 4) return reading.fail(text.size(), "four parts between colons are expected");
  size_t offset = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    static constexpr std::string_view keys[] = {"window", "options", "mss", "window_scale"};
    const std::string_view digits = i == 1 ? "0123456789-" : "0123456789";
    const size_t bad = parts[i].find_first_not_of(digits);
    if (bad != std::string_view::npos)
      return reading.fail(offset + bad, "a decimal digit is expected");
    if (i == 1) {
      Readable& list = out.add(keys[i], Readable::list());
      if (!parts[i].empty()) {
        for (const std::string_view piece : split(parts[i], '-')) {
          if (piece.empty() || piece.size() > 3)
            return reading.fail(offset, "an option's kind is expected");
          list.add(Readable::of_text(
              reading.name(Registry::tcp_option, std::stoul(std::string(piece)), 2)));
        }
      }
    } else {
      out.add(keys[i], Readable::of_text(parts[i]));
    }
    offset += parts[i].size() + 1;
  }
  return true;
}

bool read_akamai(Reading& reading, std::string_view text) {
  reading.result.kind = "akamai";
  reading.result.parts = Readable::object();
  Readable& out = reading.result.parts;
  const auto parts = split(text, '|');
  if (parts.size() != 4) return reading.fail(text.size(), "four parts between \"|\" are expected");
  const auto decimal = [&](std::string_view piece, size_t offset, uint64_t& value) {
    value = 0;
    const size_t bad = piece.find_first_not_of("0123456789");
    if (piece.empty() || piece.size() > 10 || bad != std::string_view::npos)
      return reading.fail(offset + std::min(bad, piece.size()), "a decimal number is expected");
    for (const char c : piece) value = 10 * value + static_cast<uint64_t>(c - '0');
    return true;
  };
  Readable& settings = out.add("settings", Readable::list());
  size_t offset = 0;
  if (!parts[0].empty()) {
    for (const std::string_view piece : split(parts[0], ';')) {
      const size_t colon = piece.find(':');
      if (colon == std::string_view::npos)
        return reading.fail(offset + piece.size(), "a setting is a number, a colon and a number");
      uint64_t id = 0;
      uint64_t value = 0;
      if (!decimal(piece.substr(0, colon), offset, id) ||
          !decimal(piece.substr(colon + 1), offset + colon + 1, value))
        return false;
      settings.add(Readable::object())
          .add(reading.name(Registry::http2_setting, id, 4), Readable::of_number(value));
      offset += piece.size() + 1;
    }
  }
  offset = parts[0].size() + 1;
  uint64_t increment = 0;
  // "00" where there was no WINDOW_UPDATE.
  if (!decimal(parts[1], offset, increment)) return false;
  out.add("window_update", Readable::of_number(increment));
  offset += parts[1].size() + 1;
  Readable& priorities = out.add("priorities", Readable::list());
  if (parts[2] != "0") {
    for (const std::string_view piece : split(parts[2], ',')) {
      static constexpr std::string_view keys[] = {"stream", "exclusive", "depends_on", "weight"};
      const auto numbers = split(piece, ':');
      if (numbers.size() != std::size(keys))
        return reading.fail(offset + piece.size(), "a priority is four numbers between colons");
      Readable& item = priorities.add(Readable::object());
      size_t place = offset;
      for (size_t i = 0; i < numbers.size(); ++i) {
        uint64_t value = 0;
        if (!decimal(numbers[i], place, value)) return false;
        item.add(keys[i], Readable::of_number(value));
        place += numbers[i].size() + 1;
      }
      offset += piece.size() + 1;
    }
  }
  offset = parts[0].size() + parts[1].size() + parts[2].size() + 3;
  Readable& order = out.add("pseudo_headers", Readable::list());
  if (parts[3].empty()) return true;
  for (const std::string_view piece : split(parts[3], ',')) {
    const std::string_view header = piece == "m"   ? ":method"
                                    : piece == "a" ? ":authority"
                                    : piece == "s" ? ":scheme"
                                    : piece == "p" ? ":path"
                                                   : std::string_view();
    if (header.empty()) return reading.fail(offset, "m, a, s or p is expected");
    order.add(Readable::of_text(header));
    offset += piece.size() + 1;
  }
  return true;
}

bool read_p0f(Reading& reading, std::string_view text) {
  if (reading.result.kind.empty()) reading.result.kind = "p0f";
  static constexpr std::string_view keys[] = {"ip_version", "initial_ttl",      "ip_options_length",
                                              "mss",        "window_and_scale", "options",
                                              "quirks",     "payload_class"};
  reading.result.parts = Readable::object();
  const auto parts = split(text, ':');
  if (parts.size() != std::size(keys))
    return reading.fail(text.size(), "eight parts between colons are expected");
  if (parts[0] != "4" && parts[0] != "6" && parts[0] != "*")
    return reading.fail(0, "4, 6 or * is expected");
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i != 5 && i != 6) {
      reading.result.parts.add(keys[i], Readable::of_text(parts[i]));
      continue;
    }
    Readable& list = reading.result.parts.add(keys[i], Readable::list());
    if (!parts[i].empty())
      for (const std::string_view piece : split(parts[i], ',')) list.add(Readable::of_text(piece));
  }
  return true;
}

}  // namespace handprint::readable
