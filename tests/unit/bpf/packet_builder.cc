// SPDX-License-Identifier: Apache-2.0
#include "packet_builder.h"

namespace handprint::test {
namespace {

void put16(Frame& frame, size_t value) {
  frame.push_back(static_cast<uint8_t>(value >> 8));
  frame.push_back(static_cast<uint8_t>(value));
}

void put32(Frame& frame, uint32_t value) {
  put16(frame, value >> 16);
  put16(frame, value & 0xffff);
}

void put(Frame& frame, std::string_view bytes) {
  frame.insert(frame.end(), bytes.begin(), bytes.end());
}

}  // namespace

PacketBuilder& PacketBuilder::ethernet() {
  ethernet_ = true;
  return *this;
}
PacketBuilder& PacketBuilder::vlan(uint16_t tci, uint16_t type) {
  ethernet_ = true;
  vlans_.emplace_back(type, tci);
  return *this;
}
PacketBuilder& PacketBuilder::ipv4(uint8_t source, uint8_t destination, std::string_view options) {
  version_ = 4;
  source_ = source;
  destination_ = destination;
  ip_options_ = options;
  return *this;
}
PacketBuilder& PacketBuilder::ipv6(uint8_t source, uint8_t destination) {
  version_ = 6;
  source_ = source;
  destination_ = destination;
  return *this;
}
PacketBuilder& PacketBuilder::extension(uint8_t type, uint8_t words) {
  extensions_.push_back({type, words});
  return *this;
}
PacketBuilder& PacketBuilder::fragment(uint16_t offset) {
  fragment_ = offset;
  return *this;
}
PacketBuilder& PacketBuilder::ip_length(uint16_t length) {
  has_ip_length_ = true;
  ip_length_ = length;
  return *this;
}
PacketBuilder& PacketBuilder::tcp(uint16_t source_port, uint16_t destination_port) {
  protocol_ = 6;
  source_port_ = source_port;
  destination_port_ = destination_port;
  return *this;
}
PacketBuilder& PacketBuilder::udp(uint16_t source_port, uint16_t destination_port) {
  protocol_ = 17;
  source_port_ = source_port;
  destination_port_ = destination_port;
  return *this;
}
PacketBuilder& PacketBuilder::other(uint8_t protocol) {
  protocol_ = protocol;
  return *this;
}
PacketBuilder& PacketBuilder::sequence(uint32_t sequence) {
  sequence_ = sequence;
  return *this;
}
PacketBuilder& PacketBuilder::flags(uint8_t flags) {
  flags_ = flags;
  return *this;
}
PacketBuilder& PacketBuilder::tcp_options(std::string_view options) {
  tcp_options_ = options;
  return *this;
}
PacketBuilder& PacketBuilder::payload(std::string_view payload) {
  payload_ = payload;
  return *this;
}
PacketBuilder& PacketBuilder::padding(size_t bytes) {
  padding_ = bytes;
  return *this;
}

Frame PacketBuilder::bytes() const {
  Frame transport;
  if (protocol_ == 6) {
    put16(transport, source_port_);
    put16(transport, destination_port_);
    put32(transport, sequence_);
    put32(transport, 0);
    transport.push_back(static_cast<uint8_t>((5 + tcp_options_.size() / 4) << 4));
    transport.push_back(flags_);
    put16(transport, 64240);
    put32(transport, 0);
    put(transport, tcp_options_);
  } else if (protocol_ == 17) {
    put16(transport, source_port_);
    put16(transport, destination_port_);
    put16(transport, 8 + payload_.size());
    put16(transport, 0);
  }
  put(transport, payload_);

  Frame frame;
  if (ethernet_) {
    put(frame, std::string_view("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01", 12));
    for (const auto& [type, tci] : vlans_) {
      put16(frame, type);
      put16(frame, tci);
    }
    put16(frame, version_ == 4 ? 0x0800 : 0x86dd);
  }
  if (version_ == 4) {
    const size_t header = 20 + ip_options_.size();
    frame.push_back(static_cast<uint8_t>(0x40 | header / 4));
    frame.push_back(0);
    put16(frame, has_ip_length_ ? ip_length_ : header + transport.size());
    put16(frame, 1);
    put16(frame, fragment_);
    frame.push_back(64);
    frame.push_back(protocol_);
    put16(frame, 0);
    put(frame, std::string_view("\x0a\x63\x00", 3));
    frame.push_back(source_);
    put(frame, std::string_view("\x0a\x63\x00", 3));
    frame.push_back(destination_);
    put(frame, ip_options_);
  } else {
    Frame extensions;
    for (size_t i = 0; i < extensions_.size(); ++i) {
      extensions.push_back(i + 1 < extensions_.size() ? extensions_[i + 1].type : protocol_);
      extensions.push_back(extensions_[i].words);
      extensions.resize(extensions.size() + 6 + size_t{8} * extensions_[i].words);
    }
    put32(frame, 0x60000000);
    put16(frame, has_ip_length_ ? ip_length_ : extensions.size() + transport.size());
    frame.push_back(extensions_.empty() ? protocol_ : extensions_[0].type);
    frame.push_back(64);
    for (uint8_t last : {source_, destination_}) {
      put(frame, std::string_view("\xfd\x99\0\0\0\0\0\0\0\0\0\0\0\0\0", 15));
      frame.push_back(last);
    }
    frame.insert(frame.end(), extensions.begin(), extensions.end());
  }
  frame.insert(frame.end(), transport.begin(), transport.end());
  frame.resize(frame.size() + padding_);
  return frame;
}

std::string linux_syn_options() {
  return std::string("\x02\x04\x05\xb4\x04\x02\x08\x0a\0\0\0\1\0\0\0\0\x01\x03\x03\x07", 20);
}

namespace {

std::string pattern(size_t length) {
  std::string bytes(length, '\0');
  for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<char>(0x80 | (i * 7 & 0x7f));
  return bytes;
}

std::string hello(uint8_t type, size_t length) {
  std::string record = tls_record(0x16, length);
  const size_t body = length - 9;
  record[5] = static_cast<char>(type);
  record[6] = 0;
  record[7] = static_cast<char>(body >> 8);
  record[8] = static_cast<char>(body);
  return record;
}

}  // namespace

std::string tls_record(uint8_t type, size_t length) {
  const size_t body = length - 5;
  std::string record{static_cast<char>(type), 3, 1, static_cast<char>(body >> 8),
                     static_cast<char>(body)};
  return record + pattern(body);
}

std::string client_hello(size_t length) { return hello(1, length); }
std::string server_hello(size_t length) { return hello(2, length); }

}  // namespace handprint::test
