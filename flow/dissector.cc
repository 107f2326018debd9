// SPDX-License-Identifier: Apache-2.0
#include "flow/dissector.h"

#include <array>

namespace handprint {

namespace {

constexpr uint32_t bit(hp_content content) { return uint32_t{1} << content; }

// One row a protocol. The last one takes what no other does.
constexpr std::array<Dissector, 6> rows{{
    {"tls", bit(HP_CONTENT_TLS_CLIENT) | bit(HP_CONTENT_TLS_SERVER) | bit(HP_CONTENT_TLS_ALERT),
     dissect_tls},
    {"http", bit(HP_CONTENT_HTTP_REQUEST) | bit(HP_CONTENT_HTTP_RESPONSE), dissect_http},
    {"http2", bit(HP_CONTENT_HTTP2), dissect_http2},
    {"ssh", bit(HP_CONTENT_SSH), dissect_ssh},
    {"prefix", bit(HP_CONTENT_PREFIX), dissect_prefix},
    {"naming", ~uint32_t{0}, dissect_naming},
}};

constexpr auto by_content = [] {
  std::array<uint8_t, HP_CONTENT_COUNT> table{};
  for (uint8_t content = 0; content < HP_CONTENT_COUNT; ++content)
    while ((rows[table[content]].contents >> content & 1) == 0) ++table[content];
  return table;
}();

}  // namespace

std::span<const Dissector> dissectors() { return rows; }

const Dissector* dissector_of(uint8_t content) {
  return &rows[content < HP_CONTENT_COUNT ? by_content[content] : rows.size() - 1];
}

std::string_view part_name(uint8_t content, Side side) {
  const bool client = side == Side::client;
  switch (content) {
    case HP_CONTENT_TLS_CLIENT:
      return "tls.client";
    case HP_CONTENT_TLS_SERVER:
      return "tls.server";
    case HP_CONTENT_HTTP_REQUEST:
      return "http.request";
    case HP_CONTENT_HTTP2:
      return "http2.request";
    case HP_CONTENT_HTTP_RESPONSE:
      return "http.response";
    case HP_CONTENT_SSH:
      return client ? "ssh.client" : "ssh.server";
    case HP_CONTENT_QUIC:
      return client ? "quic.client" : "quic.server";
    case HP_CONTENT_DTLS:
      return client ? "dtls.client" : "dtls.server";
    default:
      return {};
  }
}

}  // namespace handprint
