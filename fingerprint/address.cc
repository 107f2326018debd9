// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/address.h"

namespace handprint {
namespace {

void write_v4(const uint8_t* bytes, Text& out) {
  for (size_t i = 0; i < 4; ++i) {
    if (i != 0) out.put('.');
    out.dec(bytes[i]);
  }
}

// A group of an IPv6 address: hexadecimal without leading zeros.
void write_group(uint16_t group, Text& out) {
  char digits[4];
  size_t count = 0;
  for (int shift = 12; shift >= 0; shift -= 4) {
    unsigned digit = (group >> shift) & 15u;
    if (count == 0 && digit == 0 && shift != 0) continue;
    digits[count++] = "0123456789abcdef"[digit];
  }
  out.put(std::string_view(digits, count));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool parse_v4(std::string_view text, uint8_t* out) {
  for (int part = 0; part < 4; ++part) {
    unsigned value = 0;
    size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
      if (digits == 3) return false;
      value = value * 10 + static_cast<unsigned>(text[digits] - '0');
      ++digits;
    }
    if (digits == 0 || value > 255 || (digits > 1 && text[0] == '0')) return false;
    out[part] = static_cast<uint8_t>(value);
    text.remove_prefix(digits);
    if (part == 3) return text.empty();
    if (text.empty() || text[0] != '.') return false;
    text.remove_prefix(1);
  }
  return false;
}

bool parse_v6(std::string_view text, std::array<uint8_t, 16>& out) {
  size_t filled = 0;  // bytes written so far
  size_t gap = 17;    // where "::" stands; 17: nowhere
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    if (filled == 16) return false;
    size_t end = text.find(':');
    std::string_view group = text.substr(0, end);
    if (group.find('.') != std::string_view::npos) {  // a dotted tail of four bytes
      if (end != std::string_view::npos || filled > 12 || !parse_v4(group, &out[filled]))
        return false;
      filled += 4;
      break;
    }
    if (group.empty() || group.size() > 4) return false;
    unsigned value = 0;
    for (char c : group) {
      int digit = hex_digit(c);
      if (digit < 0) return false;
      value = value << 4 | static_cast<unsigned>(digit);
    }
    out[filled++] = static_cast<uint8_t>(value >> 8);
    out[filled++] = static_cast<uint8_t>(value & 255);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (text.starts_with(':')) {
      if (gap != 17) return false;
      gap = filled;
      text.remove_prefix(1);
    } else if (text.empty()) {
      return false;  // a single ':' at the end
    }
  }
  if (gap == 17) return filled == 16;
  if (filled == 16) return false;  // "::" stands for at least one group
  size_t moved = filled - gap;
  for (size_t i = 0; i < moved; ++i) out[15 - i] = out[filled - 1 - i];
  for (size_t i = gap; i < 16 - moved; ++i) out[i] = 0;
  return true;
}

}  // namespace

bool Address::is_loopback() const {
  if (v4()) return bytes[0] == 127;
  if (!v6() || bytes[15] != 1) return false;
  for (size_t i = 0; i < 15; ++i)
    if (bytes[i] != 0) return false;
  return true;
}

bool Address::is_unspecified() const {
  if (!present()) return false;
  for (uint8_t byte : bytes)
    if (byte != 0) return false;
  return true;
}

bool Address::is_multicast() const {
  if (v4()) return (bytes[0] & 0xf0) == 0xe0;
  return v6() && bytes[0] == 0xff;
}

bool Address::is_link_local() const {
  if (v4()) return bytes[0] == 169 && bytes[1] == 254;
  return v6() && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

bool Address::is_private() const {
  if (is_loopback() || is_link_local()) return true;
  if (v4())
    return bytes[0] == 10 || (bytes[0] == 172 && (bytes[1] & 0xf0) == 16) ||
           (bytes[0] == 192 && bytes[1] == 168) || (bytes[0] == 100 && (bytes[1] & 0xc0) == 64);
  return v6() && (bytes[0] & 0xfe) == 0xfc;
}

void write(const Address& address, Text& out) {
  const uint8_t* bytes = address.bytes.data();
  if (address.v4()) return write_v4(bytes, out);
  if (!address.v6()) return;

  uint16_t groups[8];
  for (size_t i = 0; i < 8; ++i) groups[i] = load_u16(bytes + 2 * i);

  bool mapped = groups[5] == 0xffff;
  for (size_t i = 0; i < 5; ++i) mapped = mapped && groups[i] == 0;
  if (mapped) {
    out.put("::ffff:");
    return write_v4(bytes + 12, out);
  }

  // The longest run of at least two zero groups, the first of equal ones, becomes "::".
  size_t run_start = 8, run_length = 1;
  for (size_t i = 0; i < 8;) {
    size_t j = i;
    while (j < 8 && groups[j] == 0) ++j;
    if (j - i > run_length) {
      run_start = i;
      run_length = j - i;
    }
    i = j + 1;
  }
  for (size_t i = 0; i < 8;) {
    if (i == run_start) {
      out.put("::");
      i += run_length;
      continue;
    }
    if (i != 0 && i != run_start + run_length) out.put(':');
    write_group(groups[i], out);
    ++i;
  }
}

Address parse_address(std::string_view text) {
  Address out;
  if (text.find(':') == std::string_view::npos) {
    if (parse_v4(text, out.bytes.data())) {
      out.version = 4;
      return out;
    }
  } else if (parse_v6(text, out.bytes)) {
    out.version = 6;
    return out;
  }
  return {};
}

void write(const Mac& mac, Text& out) {
  if (!mac.present) return;
  for (size_t i = 0; i < 6; ++i) {
    if (i != 0) out.put('-');
    out.put("0123456789ABCDEF"[mac.bytes[i] >> 4]);
    out.put("0123456789ABCDEF"[mac.bytes[i] & 15]);
  }
}

}  // namespace handprint
