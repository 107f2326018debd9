// SPDX-License-Identifier: Apache-2.0
// Capture files in memory, in either byte order, also wrong ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fingerprint/cursor.h"

namespace handprint::test {

class CaptureBuilder {
 public:
  explicit CaptureBuilder(bool big_endian = false) : big_(big_endian) {}

  CaptureBuilder& u8(uint8_t value) {
    bytes_.push_back(value);
    return *this;
  }
  CaptureBuilder& u16(uint16_t value) { return number(value, 2); }
  CaptureBuilder& u32(uint32_t value) { return number(value, 4); }
  CaptureBuilder& u64(uint64_t value) { return number(value, 8); }
  CaptureBuilder& text(std::string_view value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  CaptureBuilder& pad() {
    while (bytes_.size() % 4 != 0) bytes_.push_back(0);
    return *this;
  }

  // pcap
  CaptureBuilder& pcap_header(uint32_t magic, uint32_t link, uint16_t major = 2, uint16_t minor = 4) {
    return u32(magic).u16(major).u16(minor).u32(0).u32(0).u32(262144).u32(link);
  }
  CaptureBuilder& pcap_packet(uint32_t seconds, uint32_t fraction, std::string_view frame,
                              uint32_t original = 0) {
    const auto size = static_cast<uint32_t>(frame.size());
    return u32(seconds).u32(fraction).u32(size).u32(original == 0 ? size : original).text(frame);
  }

  // pcapng
  CaptureBuilder& block(uint32_t type, const CaptureBuilder& body) {
    const auto size = static_cast<uint32_t>(body.bytes_.size() + 12);
    u32(type).u32(size);
    bytes_.insert(bytes_.end(), body.bytes_.begin(), body.bytes_.end());
    return u32(size);
  }
  CaptureBuilder part() const { return CaptureBuilder(big_); }
  CaptureBuilder& section() {
    return block(0x0a0d0d0a, part().u32(0x1a2b3c4d).u16(1).u16(0).u64(0xffffffffffffffffULL));
  }
  CaptureBuilder& interface(uint16_t link, std::string_view name = "", int resolution = -1,
                            int64_t offset = 0, uint32_t snap = 0) {
    CaptureBuilder body = part();
    body.u16(link).u16(0).u32(snap);
    if (!name.empty()) body.u16(2).u16(static_cast<uint16_t>(name.size())).text(name).pad();
    if (resolution >= 0) body.u16(9).u16(1).u8(static_cast<uint8_t>(resolution)).pad();
    if (offset != 0) body.u16(14).u16(8).u64(static_cast<uint64_t>(offset));
    body.u16(0).u16(0);
    return block(1, body);
  }
  CaptureBuilder& enhanced(uint32_t interface, uint64_t stamp, std::string_view frame) {
    const auto size = static_cast<uint32_t>(frame.size());
    return block(6, part()
                        .u32(interface)
                        .u32(static_cast<uint32_t>(stamp >> 32))
                        .u32(static_cast<uint32_t>(stamp))
                        .u32(size)
                        .u32(size)
                        .text(frame)
                        .pad());
  }

  Bytes bytes() const { return bytes_; }
  std::vector<uint8_t>& raw() { return bytes_; }
  std::size_t size() const { return bytes_.size(); }

 private:
  CaptureBuilder& number(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) {
      const int shift = 8 * (big_ ? count - 1 - i : i);
      bytes_.push_back(static_cast<uint8_t>(value >> shift));
    }
    return *this;
  }

  bool big_;
  std::vector<uint8_t> bytes_;
};

}  // namespace handprint::test
