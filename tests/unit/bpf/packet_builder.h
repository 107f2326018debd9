// SPDX-License-Identifier: Apache-2.0
// Packets for tests, built layer by layer:
// PacketBuilder().ethernet().ipv4().tcp(…).payload(…).bytes().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace handprint::test {

using Frame = std::vector<uint8_t>;

class PacketBuilder {
 public:
  // Layer 2 with the type of what follows; each vlan() puts a tag in front of it.
  PacketBuilder& ethernet();
  PacketBuilder& vlan(uint16_t tci, uint16_t type = 0x8100);
  // Layer 3. Addresses end in the given byte; options must be a multiple of four bytes.
  PacketBuilder& ipv4(uint8_t source = 1, uint8_t destination = 2, std::string_view options = {});
  PacketBuilder& ipv6(uint8_t source = 1, uint8_t destination = 2);
  // An IPv6 extension header of 8 * (1 + words) bytes in front of the transport.
  PacketBuilder& extension(uint8_t type, uint8_t words = 0);
  // IPv4: this is a later fragment, `offset` in units of eight bytes.
  PacketBuilder& fragment(uint16_t offset);
  // The IP length field says this and not the truth; 0 as in segmented super-packets.
  PacketBuilder& ip_length(uint16_t length);
  PacketBuilder& tcp(uint16_t source_port = 40000, uint16_t destination_port = 443);
  PacketBuilder& udp(uint16_t source_port = 40000, uint16_t destination_port = 443);
  PacketBuilder& other(uint8_t protocol);
  PacketBuilder& sequence(uint32_t sequence);
  PacketBuilder& flags(uint8_t flags);
  PacketBuilder& tcp_options(std::string_view options);
  PacketBuilder& payload(std::string_view payload);
  // Bytes behind the IP packet, as Ethernet's padding.
  PacketBuilder& padding(size_t bytes);

  Frame bytes() const;

 private:
  struct Extension {
    uint8_t type, words;
  };
  bool ethernet_ = false;
  std::vector<std::pair<uint16_t, uint16_t>> vlans_;
  uint8_t version_ = 4, source_ = 1, destination_ = 2, protocol_ = 6;
  std::string ip_options_, tcp_options_, payload_;
  std::vector<Extension> extensions_;
  uint16_t fragment_ = 0, source_port_ = 0, destination_port_ = 0, ip_length_ = 0;
  bool has_ip_length_ = false;
  uint32_t sequence_ = 0;
  uint8_t flags_ = 0x10;
  size_t padding_ = 0;
};

// TCP options as Linux sends them on a SYN: MSS, SACK permitted, timestamps, NOP, window scale.
std::string linux_syn_options();

// A ClientHello record whose total length is `length` bytes (at least 60); its body is a pattern.
std::string client_hello(size_t length);
std::string server_hello(size_t length);
// A TLS record of this type and length, filled with a pattern.
std::string tls_record(uint8_t type, size_t length);

}  // namespace handprint::test
