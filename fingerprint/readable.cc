// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/readable.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "fingerprint/readable_parts.h"

namespace handprint {

Readable Readable::of_text(std::string_view value) {
  Readable out;
  out.text = value;
  return out;
}
Readable Readable::of_number(uint64_t value) {
  Readable out;
  out.form = Form::number;
  out.number = value;
  return out;
}
Readable Readable::list() {
  Readable out;
  out.form = Form::list;
  return out;
}
Readable Readable::object() {
  Readable out;
  out.form = Form::object;
  return out;
}
Readable& Readable::add(Readable value) { return items.emplace_back(std::move(value)); }
Readable& Readable::add(std::string_view key, Readable value) {
  keys.emplace_back(key);
  return items.emplace_back(std::move(value));
}

namespace readable {
namespace {

constexpr size_t deepest = 8;

bool is_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// Reads nodes up to `closing`, or to the end of the text when that is 0.
bool nodes_until(std::string_view text, size_t& at, size_t base, char closing, size_t depth,
                 std::vector<Node>& out, Fault& fault) {
  while (at < text.size()) {
    const char c = text[at];
    if (closing != 0 && c == closing) {
      ++at;
      return true;
    }
    if (c != '(' && c != '[') {
      fault = {base + at, closing == 0 || !out.empty()
                              ? "\"(\" or the end of a list is expected"
                              : "a hexadecimal digit, \"(\" or \")\" is expected"};
      return false;
    }
    if (depth == deepest) {
      fault = {base + at, "lists nest too deep"};
      return false;
    }
    const char end = c == '(' ? ')' : ']';
    Node& node = out.emplace_back();
    node.sorted = c == '[';
    node.offset = base + ++at;
    if (at < text.size() && is_digit(text[at]) && c == '(') {
      const size_t first = at;
      while (at < text.size() && is_digit(text[at])) ++at;
      if (at == text.size() || text[at] != ')') {
        fault = {base + at, at == text.size() ? "the string ends within \"(\""
                                              : "a hexadecimal digit or \")\" is expected"};
        return false;
      }
      node.digits = text.substr(first, at - first);
      if (node.digits.size() % 2 != 0) {
        fault = {base + at, "an odd number of hexadecimal digits"};
        return false;
      }
      ++at;
    } else {
      std::vector<Node> children;
      if (!nodes_until(text, at, base, end, depth + 1, children, fault)) return false;
      node.children = std::move(children);
    }
  }
  if (closing == 0) return true;
  fault = {base + at, std::string("the string ends before \"") + closing + "\""};
  return false;
}

int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

}  // namespace

bool read_nodes(std::string_view text, size_t base, std::vector<Node>& out, Fault& fault) {
  size_t at = 0;
  return nodes_until(text, at, base, 0, 0, out, fault);
}

bool Reading::fail(size_t offset, std::string message) {
  if (!failed()) fault = {offset, std::move(message)};
  return false;
}

std::string Reading::name(Registry registry, uint64_t code, int digits, bool dated) {
  const RegistryEntry* entry = find_code(registry, code);
  if (entry == nullptr) {
    ++result.unknown;
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "unknown(0x%0*llx)", digits,
                  static_cast<unsigned long long>(code));
    return text.data();
  }
  ++result.named;
  if (dated) result.implemented.add(entry->since);
  return std::string(entry->name);
}

Readable Reading::algorithm(Registry registry, std::string_view name) {
  const RegistryEntry* entry = find_algorithm(registry, name);
  Readable out = Readable::object();
  out.add("algorithm", Readable::of_text(name));
  out.add("source",
          Readable::of_text(entry != nullptr ? entry->source : std::string_view("unknown")));
  ++(entry != nullptr ? result.named : result.unknown);
  return out;
}

std::string bytes_of(std::string_view digits) {
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(nibble(digits[i]) << 4 | nibble(digits[i + 1]));
  return out;
}

uint64_t number_of(std::string_view digits) {
  uint64_t out = 0;
  for (const char c : digits) out = out << 4 | static_cast<uint64_t>(nibble(c));
  return out;
}

bool is_hex(std::string_view text) { return std::all_of(text.begin(), text.end(), is_digit); }

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (size_t at = 0;;) {
    const size_t end = text.find(separator, at);
    out.push_back(text.substr(at, end - at));
    if (end == std::string_view::npos) return out;
    at = end + 1;
  }
}

namespace {

struct Form {
  std::string_view kind;
  std::string_view prefix;  // "" where the string begins with its first part
  bool (*read)(Reading&, const std::vector<Node>&);
};

bool hello(Reading& reading, const std::vector<Node>& nodes, Hello side) {
  reading.result.parts = Readable::object();
  return read_tls(reading, nodes, 0, side, reading.result.parts);
}
bool client(Reading& reading, const std::vector<Node>& nodes) {
  return hello(reading, nodes, Hello::client);
}
bool server(Reading& reading, const std::vector<Node>& nodes) {
  return hello(reading, nodes, Hello::server);
}
bool quic(Reading& reading, const std::vector<Node>& nodes) {
  reading.result.parts = Readable::object();
  if (nodes.empty() || nodes[0].digits.size() != 8)
    return reading.fail(nodes.empty() ? 0 : nodes[0].offset, "QUIC's version has eight digits");
  reading.result.parts.add(
      "quic_version",
      Readable::of_text(reading.name(Registry::quic_version, number_of(nodes[0].digits), 8)));
  return read_tls(reading, nodes, 1, Hello::client, reading.result.parts);
}
bool lines(Reading& reading, const std::vector<Node>& nodes) {
  return read_header_lines(reading, nodes);
}

// Longer prefixes first, where one begins like another.
constexpr auto forms = std::to_array<Form>({
    {"tls/1", "tls/1/", client},
    {"tls/2", "tls/2/", client},
    {"tls", "tls/", client},
    {"tls", "", client},
    {"tls_server", "tls_server/", server},
    {"tls_server", "", server},
    {"dtls/1", "dtls/1/", client},
    {"dtls/2", "dtls/2/", client},
    {"dtls", "dtls/", client},
    {"dtls_server", "dtls_server/", server},
    {"quic/1", "quic/1/", quic},
    {"quic", "quic/", quic},
    {"tcp", "tcp/", [](Reading& r, const std::vector<Node>& n) { return read_tcp(r, n, true); }},
    {"tcp_server", "tcp_server/",
     [](Reading& r, const std::vector<Node>& n) { return read_tcp(r, n, true); }},
    {"tcp", "", [](Reading& r, const std::vector<Node>& n) { return read_tcp(r, n, false); }},
    {"tcp_server", "",
     [](Reading& r, const std::vector<Node>& n) { return read_tcp(r, n, false); }},
    {"http", "http/",
     [](Reading& r, const std::vector<Node>& n) { return read_http(r, n, Hello::client, true); }},
    {"http_server", "http_server/",
     [](Reading& r, const std::vector<Node>& n) { return read_http(r, n, Hello::server, true); }},
    {"http", "",
     [](Reading& r, const std::vector<Node>& n) { return read_http(r, n, Hello::client, false); }},
    {"http_server", "",
     [](Reading& r, const std::vector<Node>& n) { return read_http(r, n, Hello::server, false); }},
    {"tls_decrypt_http", "",
     [](Reading& r, const std::vector<Node>& n) { return read_http(r, n, Hello::client, false); }},
    {"tls_decrypt_http_server", "",
     [](Reading& r, const std::vector<Node>& n) { return read_http(r, n, Hello::server, false); }},
    {"tls_decrypt_h2", "", lines},
    {"tls_decrypt_h2_server", "", lines},
    {"ssh_init", "ssh_init/",
     [](Reading& r, const std::vector<Node>& n) { return read_ssh(r, n, true, false); }},
    {"ssh_init_server", "ssh_init_server/",
     [](Reading& r, const std::vector<Node>& n) { return read_ssh(r, n, true, false); }},
    {"ssh_kex", "ssh_kex/",
     [](Reading& r, const std::vector<Node>& n) { return read_ssh(r, n, false, true); }},
    {"ssh_kex_server", "ssh_kex_server/",
     [](Reading& r, const std::vector<Node>& n) { return read_ssh(r, n, false, true); }},
    {"ssh", "ssh/",
     [](Reading& r, const std::vector<Node>& n) { return read_ssh(r, n, false, true); }},
    {"ssh_server", "ssh_server/",
     [](Reading& r, const std::vector<Node>& n) { return read_ssh(r, n, false, true); }},
    {"ssh", "", [](Reading& r, const std::vector<Node>& n) { return read_ssh(r, n, true, true); }},
    {"ssh_server", "",
     [](Reading& r, const std::vector<Node>& n) { return read_ssh(r, n, true, true); }},
    {"tls_certificate", "", read_certificate},
    {"dhcp", "dhcp/", read_dhcp},
    {"stun/1", "stun/1/", read_stun},
    {"openvpn", "openvpn/", read_openvpn},
    {"smtp_server", "smtp_server/", lines},
});

// The kind of a string without a prefix, by its shape; "" if there is none like it.
std::string_view kind_of(const std::vector<Node>& nodes) {
  if (nodes.empty()) return {};
  const std::string first = bytes_of(nodes[0].digits);
  if (nodes.size() == 3 && nodes[0].digits.size() == 4 && nodes[2].digits.empty() &&
      nodes[1].leaf())
    return nodes[1].digits.size() == 4 ? "tls_server" : "tls";
  if (nodes.size() == 8 && !nodes[2].leaf()) return "tls_certificate";
  if (first.starts_with("SSH-")) return "ssh";
  if (first.starts_with("HTTP/")) return "http_server";
  if (first.starts_with(":status")) return "tls_decrypt_h2_server";
  if (first.starts_with(":")) return "tls_decrypt_h2";
  if (nodes.size() >= 2 && bytes_of(nodes[1].digits).starts_with("HTTP/")) return "http";
  if (nodes.size() >= 3 && bytes_of(nodes[2].digits).starts_with("HTTP/")) return "http";
  if (nodes[0].digits.size() == 4) return "tcp";
  return {};
}

bool read_text(Reading& reading, std::string_view text, std::string_view kind) {
  // Kinds that are not made of parentheses.
  const auto wants = [&](std::string_view name) { return kind == name; };
  if (wants("ja3") || wants("ja3s") || wants("hassh") || wants("hassh_server") ||
      (kind.empty() && text.size() == 32 && is_hex(text)))
    return reading.fail(0, "this is a hash; what it was made of cannot be read back from it");
  if (wants("ja4_r") || wants("ja4_ro") || wants("ja4") || wants("ja4_o") ||
      (kind.empty() && looks_like_ja4(text)))
    return read_ja4(reading, text, kind);
  const auto commas = std::count(text.begin(), text.end(), ',');
  const auto colons = std::count(text.begin(), text.end(), ':');
  const bool numeric = text[0] >= '0' && text[0] <= '9' && colons == 0;
  if (wants("ja3_string") || (kind.empty() && numeric && commas == 4))
    return read_ja3(reading, text, Hello::client);
  if (wants("ja3s_string") || (kind.empty() && numeric && commas == 2))
    return read_ja3(reading, text, Hello::server);
  if (wants("akamai") || (kind.empty() && std::count(text.begin(), text.end(), '|') == 3))
    return read_akamai(reading, text);
  if (wants("muonfp") || wants("muonfp_server") || (kind.empty() && colons == 3))
    return read_muonfp(reading, text);
  if (wants("p0f") || wants("p0f_server") || (kind.empty() && colons == 7))
    return read_p0f(reading, text);
  return reading.fail(
      0, kind.empty() ? "no kind of fingerprint begins like this" : "\"(\" is expected");
}

bool read_any(Reading& reading, std::string_view text, std::string_view kind) {
  const Form* found = nullptr;
  for (const Form& form : forms) {
    if (form.prefix.empty() || !text.starts_with(form.prefix) ||
        (!kind.empty() && kind != form.kind))
      continue;
    found = &form;
    break;
  }
  if (found == nullptr && !text.starts_with("(")) {
    reading.result.kind = kind;
    return read_text(reading, text, kind);
  }
  const size_t skipped = found != nullptr ? found->prefix.size() : 0;
  std::vector<Node> nodes;
  if (!read_nodes(text.substr(skipped), skipped, nodes, reading.fault)) return false;
  if (found == nullptr) {
    const std::string_view wanted = kind.empty() ? kind_of(nodes) : kind;
    for (const Form& form : forms)
      if (form.prefix.empty() && form.kind == wanted) found = &form;
    if (found == nullptr)
      return reading.fail(0, kind.empty() ? "no kind of fingerprint has these parts"
                                          : "a " + std::string(kind) + " string has a prefix");
  }
  reading.result.kind = found->kind;
  return found->read(reading, nodes);
}

constexpr std::string_view kinds_of_text =
    "tls tls/1 tls/2 tls_server dtls dtls/1 dtls/2 dtls_server quic quic/1 tcp tcp_server http "
    "http_server "
    "tls_decrypt_http tls_decrypt_http_server tls_decrypt_h2 tls_decrypt_h2_server ssh ssh_server "
    "ssh_init "
    "ssh_init_server ssh_kex ssh_kex_server tls_certificate dhcp stun/1 openvpn smtp_server "
    "ja3_string "
    "ja3s_string ja4 ja4_r ja4_o ja4_ro akamai p0f p0f_server muonfp muonfp_server";

}  // namespace
}  // namespace readable

std::string_view readable_kinds() { return readable::kinds_of_text; }

Result<ReadableFingerprint> read_fingerprint(std::string_view text, std::string_view kind) {
  readable::Reading reading;
  const auto error = [](size_t offset, std::string message) {
    Error out;
    out.code = Reason::no_fingerprint;
    out.offset = offset;
    out.message = std::move(message);
    return out;
  };
  if (text.empty()) return error(0, "the string is empty");
  if (text.size() > 65536) return error(65536, "the string is longer than 64 KiB");
  // The result's kind must outlive the caller's text.
  if (!kind.empty()) {
    const auto known = readable::split(readable::kinds_of_text, ' ');
    const auto at = std::find(known.begin(), known.end(), kind);
    if (at == known.end() && kind != "ja3" && kind != "ja3s" && !kind.starts_with("hassh"))
      return error(0, "\"" + std::string(kind) + "\" is no kind of fingerprint that can be read");
    kind = at != known.end() ? *at : std::string_view("ja3");
  }
  if (!readable::read_any(reading, text, kind))
    return error(reading.fault.offset, std::move(reading.fault.message));
  return std::move(reading.result);
}

std::string month_text(Month month) {
  if (month.year == 0) return {};
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04u-%02u", month.year, month.month);
  return text.data();
}

}  // namespace handprint
