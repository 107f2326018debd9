// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/certificate.h"

#include <algorithm>
#include <array>
#include <bit>

#include "fingerprint/address.h"
#include "fingerprint/object_identifier.h"

namespace handprint {
namespace {

bool digits(Bytes text, size_t from, size_t count, unsigned& out) {
  out = 0;
  for (size_t i = from; i < from + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + static_cast<unsigned>(text[i] - '0');
  }
  return true;
}

// RFC 5280 section 4.1.2.5. Seconds may be missing (X.690 allowed it in BER); a zone other than Z is
// not DER.
bool parse_time(const DerValue& value, CertificateTime& out) {
  const Bytes text = value.content;
  size_t at = 0;
  unsigned year = 0, field[5] = {};
  if (value.tag == der::utc_time) {
    if (text.size() < 11 || !digits(text, 0, 2, year)) return false;
    year += year < 50 ? 2000u : 1900u;
    at = 2;
  } else if (value.tag == der::generalized_time) {
    if (text.size() < 13 || !digits(text, 0, 4, year)) return false;
    at = 4;
  } else {
    return false;
  }
  size_t count = 0;
  for (; count < 5 && at + 2 <= text.size() && text[at] != 'Z'; ++count, at += 2)
    if (!digits(text, at, 2, field[count])) return false;
  if (count < 4 || at + 1 != text.size() || text[at] != 'Z') return false;
  if (field[0] < 1 || field[0] > 12 || field[1] < 1 || field[1] > 31) return false;
  if (field[2] > 23 || field[3] > 59 || field[4] > 60) return false;
  out = {static_cast<uint16_t>(year),
         static_cast<uint8_t>(field[0]),
         static_cast<uint8_t>(field[1]),
         static_cast<uint8_t>(field[2]),
         static_cast<uint8_t>(field[3]),
         static_cast<uint8_t>(field[4])};
  return true;
}

// A positive number without the zero byte that keeps its sign.
Bytes magnitude(Bytes integer) {
  while (!integer.empty() && integer[0] == 0) integer = integer.subspan(1);
  return integer;
}

uint32_t bit_length(Bytes number) {
  if (number.empty()) return 0;
  return static_cast<uint32_t>((number.size() - 1) * 8) +
         static_cast<uint32_t>(std::bit_width(static_cast<unsigned>(number[0])));
}

bool is(Bytes identifier, std::string_view dotted) { return object_identifier_is(identifier, dotted); }

bool parse_key(DerReader info, Certificate& out) {
  DerReader algorithm = info.inside(der::sequence);
  out.key_algorithm = algorithm.value(der::object_identifier);
  Bytes bits = info.value(der::bit_string);
  if (algorithm.failed() || info.failed() || bits.empty()) return false;
  bits = bits.subspan(1);  // how many bits of the last byte are unused: none
  if (is(out.key_algorithm, "1.2.840.113549.1.1.1") || is(out.key_algorithm, "1.2.840.113549.1.1.10")) {
    DerReader key = DerReader(bits).inside(der::sequence);
    out.rsa_modulus = magnitude(key.value(der::integer));
    out.rsa_exponent = magnitude(key.value(der::integer));
    if (key.failed()) return false;
    out.key_bits = bit_length(out.rsa_modulus);
  } else if (is(out.key_algorithm, "1.2.840.10045.2.1")) {
    out.key_curve = algorithm.optional(der::object_identifier);
    out.key_bits = curve_bits(out.key_curve);
  } else if (is(out.key_algorithm, "1.2.840.10040.4.1")) {
    DerReader parameters = algorithm.inside(der::sequence);
    out.dsa_p = magnitude(parameters.value(der::integer));
    out.dsa_q = magnitude(parameters.value(der::integer));
    out.dsa_g = magnitude(parameters.value(der::integer));
    out.dsa_y = magnitude(DerReader(bits).value(der::integer));
    out.key_bits = bit_length(out.dsa_p);
  } else {
    out.key_bits = curve_bits(out.key_algorithm);  // Ed25519 and its like name the curve there
  }
  return true;
}

void parse_extensions(Certificate& out) {
  CertificateExtensions all(out.extensions);
  Bytes type, value;
  while (all.next(type, value)) {
    if (is(type, "2.5.29.17")) {
      out.alternative_names = DerReader(value).value(der::sequence);
    } else if (is(type, "2.5.29.19")) {
      DerReader constraints = DerReader(value).inside(der::sequence);
      const Bytes authority = constraints.optional(der::boolean);
      out.authority = authority.size() == 1 && authority[0] != 0;
    }
  }
}

void put_utf8(uint32_t c, Text& out) {
  const auto put = [&out](uint32_t byte) { out.put(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18 & 7));
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

// RFC 4514 section 2.4: what has to stand behind a backslash.
void put_escaped(std::string_view text, Text& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool edge = (c == ' ' && (i == 0 || i + 1 == text.size())) || (c == '#' && i == 0);
    if (c == '\0') {
      out.put("\\00");
      continue;
    }
    if (edge || std::string_view("\",+;<>\\").find(c) != std::string_view::npos) out.put('\\');
    out.put(c);
  }
}

// The short names that RFC 4514 gives; others stand by their longer name or their numbers.
void put_attribute_type(Bytes type, Text& out) {
  constexpr std::pair<std::string_view, std::string_view> short_names[] = {
      {"2.5.4.3", "CN"}, {"2.5.4.7", "L"},  {"2.5.4.8", "ST"},
      {"2.5.4.10", "O"}, {"2.5.4.11", "OU"}, {"2.5.4.6", "C"},
      {"2.5.4.9", "STREET"}, {"0.9.2342.19200300.100.1.25", "DC"},
      {"0.9.2342.19200300.100.1.1", "UID"}};
  for (const auto& [dotted, name] : short_names)
    if (is(type, dotted)) return out.put(name);
  const std::string_view name = object_identifier_name(type);
  if (!name.empty()) return out.put(name);
  write_object_identifier(type, out);
}

}  // namespace

int64_t CertificateTime::unix_seconds() const {
  // Days since 1970-03-01 by eras of 400 years; March first, so that the leap day ends the year.
  const int64_t y = year - (month <= 2 ? 1 : 0);
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t of_era = y - era * 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  return days * 86400 + hour * 3600 + minute * 60 + second;
}

void CertificateTime::write(Text& out, char separator) const {
  out.dec2(year / 100u);
  out.dec2(year % 100u);
  out.put('-');
  out.dec2(month);
  out.put('-');
  out.dec2(day);
  out.put(separator);
  out.dec2(hour);
  out.put(':');
  out.dec2(minute);
  out.put(':');
  out.dec2(second);
}

bool Certificate::self_issued() const { return std::ranges::equal(issuer, subject); }

Reason parse_certificate(Bytes bytes, Certificate& out) {
  out = {};
  out.der = bytes;
  DerReader outer(bytes);
  DerReader signed_part = outer.inside(der::sequence);
  if (outer.failed() || !outer.empty()) return Reason::malformed_certificate;
  DerReader in = signed_part.inside(der::sequence);
  if (const Bytes version = in.optional(der::context(0)); !version.empty()) {
    const Bytes number = DerReader(version).value(der::integer);
    if (number.size() != 1 || number[0] > 2) return Reason::malformed_certificate;
    out.version = static_cast<uint8_t>(number[0] + 1);
  }
  out.serial = magnitude(in.value(der::integer));
  out.signature_algorithm = in.inside(der::sequence).value(der::object_identifier);
  out.issuer = in.value(der::sequence);
  DerReader validity = in.inside(der::sequence);
  const bool times = parse_time(validity.any(), out.not_before) && parse_time(validity.any(), out.not_after);
  out.subject = in.value(der::sequence);
  const DerReader key = in.inside(der::sequence);
  if (in.failed() || !times || !parse_key(key, out)) return Reason::malformed_certificate;
  in.optional(der::implicit(1));  // unique identifiers of issuer and subject, which nobody uses
  in.optional(der::implicit(2));
  if (const Bytes extensions = in.optional(der::context(3)); !extensions.empty()) {
    out.extensions = DerReader(extensions).value(der::sequence);
    parse_extensions(out);
  }
  return in.failed() ? Reason::malformed_certificate : Reason::ok;
}

bool DistinguishedName::next(NameAttribute& out) {
  if (set_.empty()) {
    if (names_.empty()) return false;
    set_ = names_.inside(der::set);
  }
  DerReader pair = set_.inside(der::sequence);
  out.type = pair.value(der::object_identifier);
  out.value = pair.any();
  return !pair.failed();
}

void write_characters(const DerValue& value, Text& out) {
  const Bytes text = value.content;
  switch (value.tag) {
    case der::bmp_string:
      for (size_t i = 0; i + 2 <= text.size(); i += 2) put_utf8(load_u16(&text[i]), out);
      return;
    case der::universal_string:
      for (size_t i = 0; i + 4 <= text.size(); i += 4)
        put_utf8((uint32_t{load_u16(&text[i])} << 16 | load_u16(&text[i + 2])) & 0x1fffff, out);
      return;
    case der::teletex_string:
      for (const uint8_t c : text) put_utf8(c, out);
      return;
    default: out.put(as_text(text));
  }
}

bool write_attribute(Bytes name, std::string_view type, Text& out) {
  DistinguishedName in(name);
  for (NameAttribute attribute; in.next(attribute);) {
    if (!is(attribute.type, type)) continue;
    write_characters(attribute.value, out);
    return true;
  }
  return false;
}

void write_name(Bytes name, Text& out) {
  constexpr size_t most = 64;
  std::array<NameAttribute, most> attributes;
  std::array<bool, most> joined{};  // to the one before it, in one set
  size_t count = 0;
  DistinguishedName in(name);
  for (bool inside = false; count < most && in.next(attributes[count]); ++count) {
    joined[count] = inside;
    inside = in.inside_set();
  }
  // The last set first; within a set the order stays.
  for (size_t end = count; end != 0;) {
    size_t begin = end - 1;
    while (begin != 0 && joined[begin]) --begin;
    if (end != count) out.put(',');
    for (size_t i = begin; i < end; ++i) {
      if (i != begin) out.put('+');
      put_attribute_type(attributes[i].type, out);
      out.put('=');
      std::array<char, 1024> room;
      Text plain(room);
      write_characters(attributes[i].value, plain);
      put_escaped(plain.view(), out);
    }
    end = begin;
  }
}

bool AlternativeNames::next(Text& out) {
  out.clear();
  while (!in_.empty()) {
    const DerValue name = in_.any();
    if (in_.failed()) return false;
    switch (name.tag) {
      case der::implicit(1):  // rfc822Name
      case der::implicit(2):  // dNSName
      case der::implicit(6):  // uniformResourceIdentifier
        out.put(as_text(name.content));
        return true;
      case der::implicit(7):
        if (name.content.size() != 4 && name.content.size() != 16) break;
        write(Address::from(name.content), out);
        return true;
      default: break;
    }
  }
  return false;
}

bool CertificateExtensions::next(Bytes& type, Bytes& value) {
  if (in_.empty()) return false;
  DerReader extension = in_.inside(der::sequence);
  type = extension.value(der::object_identifier);
  extension.optional(der::boolean);  // critical
  value = extension.value(der::octet_string);
  return !extension.failed();
}

CertificateMessage::CertificateMessage(Bytes body, bool tls13) : in_(body), tls13_(tls13) {
  if (tls13_) in_.skip(in_.u8());
  list_ = in_.sub(in_.u24());
}

bool CertificateMessage::next(Bytes& der) {
  if (list_.empty()) return false;
  der = list_.take(list_.u24());
  if (tls13_) list_.skip(list_.u16());
  return !list_.failed();
}

}  // namespace handprint
