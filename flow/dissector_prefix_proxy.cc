// SPDX-License-Identifier: Apache-2.0
// What a client says to a proxy, or a proxy to the server behind it.
#include "fingerprint/proxy_protocol.h"
#include "fingerprint/socks.h"
#include "flow/dissector_prefix.h"

namespace handprint {

namespace {

// What was asked of the proxy becomes a fact of the flow; credentials do not.
void note_request(StreamPrefix prefix, const SocksMessage& message, Exchange& ex) {
  DocumentBuilder* document = ex.document_without(&Document::proxy);
  if (document == nullptr) return;
  auto* facts = document->arena.make<ProxyFacts>();
  if (facts == nullptr) return;
  facts->kind = prefix;
  facts->address = message.address;
  facts->host = document->arena.copy(message.host);
  facts->port = message.port;
  facts->user = ex.flow.proxy_user || message.user;
  document->proxy = facts;
}

}  // namespace

Dissected read_proxy_header(Bytes bytes, Exchange& ex) {
  ProxyHeader header;
  std::size_t needed = 0;
  const Reason reason = parse_proxy_header(bytes, header, needed);
  if (reason == Reason::need_more) return prefix_needs(needed);
  if (reason != Reason::ok) return prefix_gives_up(bytes);
  Flow& flow = ex.flow;
  flow.claim_client(ex.direction);
  flow.add_protocol(header.version == 1 ? Protocol::proxy1 : Protocol::proxy2);
  flow.prefixes.add(header.version == 1 ? StreamPrefix::proxy1 : StreamPrefix::proxy2);
  // Proxies behind each other: the first header is the last proxy's, and what is inside is nearer
  // to the client.
  if (!header.local)
    flow.proxied = {header.source, header.destination, header.source_port, header.destination_port,
                    true};
  return prefix_ends(header.length);
}

Dissected read_socks4(Bytes bytes, Exchange& ex) {
  Flow& flow = ex.flow;
  SocksMessage message;
  std::size_t needed = 0;
  const bool client = ex.side() == Side::client;
  const Reason reason = client ? parse_socks4_request(bytes, message, needed)
                               : parse_socks4_reply(bytes, message, needed);
  if (reason == Reason::need_more) return prefix_needs(needed);
  if (reason != Reason::ok) return prefix_gives_up(bytes);
  if (!client) return message.granted ? prefix_ends(message.length) : prefix_gives_up(bytes);
  flow.claim_client(ex.direction);
  flow.add_protocol(Protocol::socks4);
  flow.prefixes.add(StreamPrefix::socks4);
  flow.socks_version = 4;
  note_request(StreamPrefix::socks4, message, ex);
  return prefix_ends(message.length);
}

Dissected read_socks5(Bytes bytes, Exchange& ex) {
  constexpr uint8_t connect = 1;
  Flow& flow = ex.flow;
  PrefixReader& reader = ex.sender().prefix;
  SocksMessage message;
  std::size_t needed = 0;
  const bool client = ex.side() == Side::client;
  const bool login = reader.step != 0 && bytes[0] == 1;
  Reason reason;
  if (reader.step == 0) {
    reason = client ? parse_socks5_greeting(bytes, message, needed)
                    : parse_socks5_method(bytes, message, needed);
  } else if (login) {
    reason = client ? parse_socks5_login(bytes, message, needed)
                    : parse_socks5_login_reply(bytes, message, needed);
  } else {
    reason = client ? parse_socks5_request(bytes, message, needed)
                    : parse_socks5_reply(bytes, message, needed);
  }
  if (reason == Reason::need_more) return prefix_needs(needed);
  if (reason != Reason::ok) return prefix_gives_up(bytes);
  if (!client) {
    if (!message.granted) return prefix_gives_up(bytes);
    return reader.step == 0 || login ? prefix_goes_on(message.length) : prefix_ends(message.length);
  }
  flow.claim_client(ex.direction);
  flow.add_protocol(Protocol::socks5);
  flow.socks_version = 5;
  if (login) flow.proxy_user = true;
  if (reader.step == 0 || login) return prefix_goes_on(message.length);
  note_request(StreamPrefix::socks5, message, ex);
  // BIND and UDP ASSOCIATE carry no connection of the client's.
  if (message.command != connect) return prefix_gives_up(bytes);
  flow.prefixes.add(StreamPrefix::socks5);
  return prefix_ends(message.length);
}

Dissected read_connect(Bytes bytes, Exchange& ex) {
  Dissected result = dissect_http(bytes, HP_CONTENT_HTTP_REQUEST, ex);
  if (result.state != Dissected::State::message) return result;
  // HTTP's reader has left the request in the scratch memory.
  const HttpRequest& request = ex.scratch.request;
  SocksMessage message;
  std::string_view target = request.uri;
  const std::size_t colon = target.rfind(':');
  if (colon != std::string_view::npos) {
    uint32_t port = 0;
    for (char c : target.substr(colon + 1))
      port = c >= '0' && c <= '9' && port <= 0xffff ? port * 10 + static_cast<uint32_t>(c - '0')
                                                    : 0x10000;
    if (port <= 0xffff) message.port = static_cast<uint16_t>(port);
    target = target.substr(0, colon);
  }
  if (target.starts_with('[') && target.ends_with(']'))
    target = target.substr(1, target.size() - 2);
  message.address = parse_address(target);
  if (!message.address.present()) message.host = target;
  message.user = !request.headers.value("proxy-authorization").empty();
  note_request(StreamPrefix::connect, message, ex);
  ex.flow.asked = StreamPrefix::connect;
  result.state = Dissected::State::prefix;
  return result;
}

}  // namespace handprint
