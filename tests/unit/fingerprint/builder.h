// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"
#include "fingerprint/workspace.h"

namespace handprint::test {

using Buffer = std::vector<uint8_t>;

// Puts messages together field by field, in network byte order.
class Builder {
 public:
  Builder& u8(unsigned value) {
    bytes_.push_back(static_cast<uint8_t>(value));
    return *this;
  }
  Builder& u16(unsigned value) { return u8(value >> 8).u8(value & 255); }
  Builder& u24(unsigned value) { return u8(value >> 16).u16(value & 65535); }
  Builder& u32(uint64_t value) {
    return u16(static_cast<unsigned>(value >> 16)).u16(static_cast<unsigned>(value & 65535));
  }
  Builder& fill(size_t count, unsigned value = 0) {
    bytes_.insert(bytes_.end(), count, static_cast<uint8_t>(value));
    return *this;
  }
  Builder& raw(const Buffer& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Builder& text(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  // Digits, blanks are skipped: hex("16 0301").
  Builder& hex(std::string_view digits) {
    unsigned value = 0;
    bool half = false;
    for (char c : digits) {
      if (c == ' ' || c == '\n') continue;
      unsigned digit = static_cast<unsigned>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
      value = value << 4 | digit;
      if (half) u8(value & 255);
      half = !half;
    }
    return *this;
  }
  // A part with its length in front.
  Builder& with_u8(const Buffer& part) { return u8(static_cast<unsigned>(part.size())).raw(part); }
  Builder& with_u16(const Buffer& part) {
    return u16(static_cast<unsigned>(part.size())).raw(part);
  }
  Builder& with_u24(const Buffer& part) {
    return u24(static_cast<unsigned>(part.size())).raw(part);
  }

  size_t size() const { return bytes_.size(); }
  const Buffer& bytes() const { return bytes_; }
  operator const Buffer&() const { return bytes_; }
  operator Bytes() const { return bytes_; }

 private:
  Buffer bytes_;
};

inline Buffer values16(std::initializer_list<unsigned> values) {
  Builder out;
  for (unsigned value : values) out.u16(value);
  return out;
}
inline Buffer hex(std::string_view digits) { return Builder().hex(digits); }

// The first n bytes in memory of exactly that size, so that reading past them is seen.
inline Buffer prefix(const Buffer& bytes, size_t n) {
  return Buffer(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
}

// Bytes [from, to), or to the end.
inline Buffer slice(const Buffer& bytes, size_t from, size_t to) {
  if (to > bytes.size()) to = bytes.size();
  return Buffer(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                bytes.begin() + static_cast<std::ptrdiff_t>(to));
}

// What a writer writes; its reason in angle brackets when it writes nothing.
template <class Write>
std::string written(Write write, size_t room = 65536) {
  std::vector<char> memory(room);
  Text out(memory);
  Reason reason = write(out);
  if (reason != Reason::ok) {
    // A writer that fails leaves nothing behind.
    if (!out.empty()) return "<left behind: " + std::string(out.view()) + ">";
    return "<" + std::string(name(reason)) + ">";
  }
  return std::string(out.view());
}

inline Workspace& workspace() {
  static const std::unique_ptr<Workspace> one = std::make_unique<Workspace>();
  return *one;
}

struct TestExtension {
  unsigned type;
  Buffer data;
};

// The body of a ClientHello, without the handshake header.
struct TestClientHello {
  unsigned version = 0x0303;
  Buffer session_id = Buffer(32, 0x55);
  Buffer suites = values16({0x1301, 0x1302, 0x1303});
  Buffer compression = {0};
  bool with_extensions = true;
  bool dtls = false;
  std::vector<TestExtension> extensions = {};

  Buffer body() const {
    Builder out;
    out.u16(version).fill(32, 0xaa).with_u8(session_id);
    if (dtls) out.with_u8(Buffer{1, 2, 3});
    out.with_u16(suites).with_u8(compression);
    if (with_extensions) {
      Builder block;
      for (const TestExtension& extension : extensions)
        block.u16(extension.type).with_u16(extension.data);
      out.with_u16(block);
    }
    return out;
  }
};

// Extension bodies.
inline Buffer server_name(std::string_view host) {
  Builder name;
  name.u8(0).with_u16(Builder().text(host));
  return Builder().with_u16(name);
}
inline Buffer alpn(std::initializer_list<std::string_view> protocols) {
  Builder list;
  for (std::string_view protocol : protocols) list.with_u8(Builder().text(protocol));
  return Builder().with_u16(list);
}
inline Buffer list16(std::initializer_list<unsigned> values) {
  return Builder().with_u16(values16(values));
}
inline Buffer versions(std::initializer_list<unsigned> values) {
  return Builder().with_u8(values16(values));
}

// A handshake message and TLS records around it.
inline Buffer handshake(unsigned type, const Buffer& body) {
  return Builder().u8(type).with_u24(body);
}
inline Buffer record(unsigned type, const Buffer& fragment, unsigned version = 0x0301) {
  return Builder().u8(type).u16(version).with_u16(fragment);
}

// A hello as a browser of 2025 sends it, with GREASE in every place that may have it.
inline TestClientHello browser_hello() {
  TestClientHello hello;
  hello.suites = values16({0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9,
                           0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035});
  Builder shares;
  shares.u16(0x4a4a)
      .with_u16(Buffer{0})
      .u16(0x11ec)
      .with_u16(Buffer(1216, 7))
      .u16(0x001d)
      .with_u16(Buffer(32, 9));
  hello.extensions = {
      {0x6a6a, {}},
      {0x0000, server_name("www.example.org")},
      {0x0017, {}},
      {0xff01, Buffer{0}},
      {0x000a, list16({0x4a4a, 0x11ec, 0x001d, 0x0017, 0x0018})},
      {0x000b, Builder().with_u8(Buffer{0})},
      {0x0023, {}},
      {0x0010, alpn({"h2", "http/1.1"})},
      {0x0005, hex("01 0000 0000")},
      {0x000d, list16({0x8a8a, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601})},
      {0x0012, {}},
      {0x0033, Builder().with_u16(shares)},
      {0x002d, hex("01 01")},
      {0x002b, versions({0x3a3a, 0x0304, 0x0303})},
      {0x001b, hex("02 0002")},
      {0x44cd, hex("0003 02 6832")},
      {0xfe0d, Buffer(186, 1)},
      {0xcaca, Buffer{0}},
  };
  return hello;
}

// --- packets ----------------------------------------------------------------------------------

struct TestTcp {
  unsigned source_port = 40000, destination_port = 443;
  uint64_t sequence = 1000, acknowledgement = 0;
  unsigned flags = 0x02;
  unsigned window = 64240;
  unsigned urgent = 0;
  Buffer options = {};  // length divisible by 4
  Buffer payload = {};

  Buffer bytes() const {
    Builder out;
    out.u16(source_port).u16(destination_port).u32(sequence).u32(acknowledgement);
    out.u16(static_cast<unsigned>((5 + options.size() / 4) << 12) | flags);
    out.u16(window).u16(0).u16(urgent).raw(options).raw(payload);
    return out;
  }
};

struct TestIpv4 {
  unsigned protocol = 6, ttl = 64, tos = 0, id = 0x1234;
  unsigned fragment = 0x4000;  // flags and offset
  Buffer options = {};
  std::string source = "c0000201", destination = "c6336407";
  int length = -1;  // the total length field; -1: the right one

  Buffer around(const Buffer& payload) const {
    Builder out;
    size_t header = 20 + options.size();
    out.u8(static_cast<unsigned>(0x40 | header / 4)).u8(tos);
    out.u16(length >= 0 ? static_cast<unsigned>(length)
                        : static_cast<unsigned>(header + payload.size()));
    out.u16(id)
        .u16(fragment)
        .u8(ttl)
        .u8(protocol)
        .u16(0)
        .hex(source)
        .hex(destination)
        .raw(options)
        .raw(payload);
    return out;
  }
};

struct TestIpv6 {
  unsigned next = 6, hop_limit = 64, traffic_class = 0;
  uint64_t flow_label = 0;
  std::string source = "20010db8000000000000000000000001",
              destination = "20010db8000000000000000000000002";
  int length = -1;

  Buffer around(const Buffer& payload) const {
    Builder out;
    out.u32(0x60000000u | traffic_class << 20 | flow_label);
    out.u16(length >= 0 ? static_cast<unsigned>(length) : static_cast<unsigned>(payload.size()));
    out.u8(next).u8(hop_limit).hex(source).hex(destination).raw(payload);
    return out;
  }
};

inline Buffer ethernet(unsigned type, const Buffer& payload) {
  return Builder().hex("020000000002").hex("020000000001").u16(type).raw(payload);
}

// What Linux sends.
inline Buffer linux_options() { return hex("020405b4 0402 080a 00000001 00000000 01 030307"); }

}  // namespace handprint::test
