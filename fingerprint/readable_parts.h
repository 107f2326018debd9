// SPDX-License-Identifier: Apache-2.0
// What the readers of fingerprint strings share; readable.h is the way in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fingerprint/cursor.h"
#include "fingerprint/readable.h"

namespace handprint::readable {

// Where reading ended, and why. All is well while `message` is empty.
struct Fault {
  size_t offset = 0;
  std::string message;
};

// "(…)" or "[…]" of a fingerprint string. A leaf holds hexadecimal digits, a list holds nodes; "()"
// is both.
struct Node {
  size_t offset = 0;  // of the first character inside, from the start of the string
  std::string_view digits;
  std::vector<Node> children;
  bool sorted = false;  // "[…]"
  bool leaf() const { return children.empty(); }
};

// "(…)(…)[…]" → its nodes. `base` is added to offsets. False with a fault when the text is anything
// else, nests deeper than 8, or a leaf has an odd number of digits.
bool read_nodes(std::string_view text, size_t base, std::vector<Node>& out, Fault& fault);

// What a reader adds to while it goes.
struct Reading {
  ReadableFingerprint result;
  Fault fault;

  bool failed() const { return !fault.message.empty(); }
  // Notes the first fault and gives false.
  bool fail(size_t offset, std::string message);

  // A number's name, or "unknown(0x…)" with `digits` digits; counted, and dated where it has to be.
  std::string name(Registry registry, uint64_t code, int digits, bool dated = false);
  // Likewise a name of SSH's, with where it comes from: {"algorithm": …, "source": …}.
  Readable algorithm(Registry registry, std::string_view name);
};

std::string bytes_of(std::string_view digits);
uint64_t number_of(std::string_view digits);  // at most 16 digits
bool is_hex(std::string_view text);
// Pieces between separators; one for an empty text.
std::vector<std::string_view> split(std::string_view text, char separator);

enum class Hello : uint8_t { client, server };

// (version)(suites)((extension)…), from node `first` on. mercury: extensions of QUIC are lists,
// GREASE has no data.
bool read_tls(Reading& reading, const std::vector<Node>& nodes, size_t first, Hello hello,
              Readable& out);
bool read_ja3(Reading& reading, std::string_view text, Hello hello);
bool read_ja4(Reading& reading, std::string_view text, std::string_view kind);
// True for what begins like a JA4 of any form: "t13d1516h2_".
bool looks_like_ja4(std::string_view text);

bool read_tcp(Reading& reading, const std::vector<Node>& nodes, bool mercury);
bool read_http(Reading& reading, const std::vector<Node>& nodes, Hello hello, bool mercury);
bool read_header_lines(Reading& reading, const std::vector<Node>& nodes);
bool read_ssh(Reading& reading, const std::vector<Node>& nodes, bool banner, bool lists);
bool read_certificate(Reading& reading, const std::vector<Node>& nodes);
bool read_dhcp(Reading& reading, const std::vector<Node>& nodes);
bool read_stun(Reading& reading, const std::vector<Node>& nodes);
bool read_openvpn(Reading& reading, const std::vector<Node>& nodes);
bool read_muonfp(Reading& reading, std::string_view text);
// Akamai's string of HTTP/2: "settings|window update|priorities|pseudo headers".
bool read_akamai(Reading& reading, std::string_view text);
bool read_p0f(Reading& reading, std::string_view text);

}  // namespace handprint::readable
