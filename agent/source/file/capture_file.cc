// SPDX-License-Identifier: Apache-2.0
#include "agent/source/file/capture_file.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace handprint {
namespace {

__extension__ typedef unsigned __int128 uint128;

constexpr int64_t second_ns = 1'000'000'000;

// pcap (draft-ietf-opsawg-pcap); the "modified" magic is Alexey Kuznetsov's, whose packet headers
// have eight bytes more.
constexpr uint32_t magic_micro = 0xa1b2c3d4;
constexpr uint32_t magic_nano = 0xa1b23c4d;
constexpr uint32_t magic_modified = 0xa1b2cd34;
// pcapng (draft-ietf-opsawg-pcapng): the section header's type reads alike in both byte orders.
constexpr uint32_t block_section = 0x0a0d0d0a;
constexpr uint32_t block_interface = 1;
constexpr uint32_t block_packet = 2;  // obsolete
constexpr uint32_t block_simple = 3;
constexpr uint32_t block_enhanced = 6;
constexpr uint32_t block_secrets = 10;
constexpr uint32_t secrets_tls = 0x544c534b;  // "TLSK"
constexpr uint32_t order_magic = 0x1a2b3c4d;
constexpr std::size_t block_frame = 12;  // type, length in front, length behind

constexpr uint32_t swap(uint32_t value) { return __builtin_bswap32(value); }

uint32_t native(const uint8_t* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

struct KnownFormat {
  std::string_view begins;
  std::string_view message;
};
// What people hand over instead, and what to do then.
constexpr KnownFormat known_formats[] = {
    {"\x28\xb5\x2f\xfd", "is compressed by zstd, which is not read here: zstd -dc FILE | handprint read -"},
    {"\xfd"
     "7zXZ",
     "is compressed by xz, which is not read here: xz -dc FILE | handprint read -"},
    {"BZh", "is compressed by bzip2, which is not read here: bzip2 -dc FILE | handprint read -"},
    {"\x04\x22\x4d\x18", "is compressed by lz4, which is not read here: lz4 -dc FILE | handprint read -"},
    {"PK\x03\x04", "is a zip archive: unzip -p FILE | handprint read -"},
    {"snoop\0\0\0", "is a snoop capture, which is not read here: editcap -F pcapng FILE out.pcapng"},
    {"GMBU", "is a Network Monitor capture, which is not read here: editcap -F pcapng FILE out.pcapng"},
};

std::string hexadecimal(Bytes bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (uint8_t byte : bytes) {
    if (!out.empty()) out += ' ';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string plural(uint64_t n, std::string_view what) {
  return std::to_string(n) + " " + std::string(what) + (n == 1 ? "" : "s");
}

}  // namespace

CaptureFile::CaptureFile(std::unique_ptr<ByteSource> in, const std::string& name)
    : in_(std::move(in)), name_(name) {}

Result<std::unique_ptr<CaptureFile>> CaptureFile::open(const std::string& path,
                                                       const std::atomic<bool>* stop) {
  auto bytes = open_bytes(path, stop);
  if (!bytes) return bytes.error();
  return start(std::move(*bytes), path == "-" ? "standard input" : path);
}

Result<std::unique_ptr<CaptureFile>> CaptureFile::open(Bytes bytes, const std::string& name) {
  auto source = open_bytes(bytes, name);
  if (!source) return source.error();
  return start(std::move(*source), name);
}

Result<std::unique_ptr<CaptureFile>> CaptureFile::start(std::unique_ptr<ByteSource> in,
                                                        const std::string& name) {
  std::unique_ptr<CaptureFile> file(new CaptureFile(std::move(in), name));
  ByteSource& bytes = *file->in_;
  if (!bytes.refill(4)) {
    if (const Error* error = bytes.error()) return *error;
    return Error{Reason::truncated, name, 0, 0, 0,
                 "not a capture file: it holds only " + plural(bytes.available(), "byte")};
  }
  const uint32_t magic = native(bytes.at());
  const uint32_t other = swap(magic);
  std::optional<Error> error;
  if (magic == block_section) {
    error = file->open_next_generation();
  } else if (magic == magic_micro || magic == magic_nano || magic == magic_modified ||
             other == magic_micro || other == magic_nano || other == magic_modified) {
    error = file->open_classic();
  } else {
    bytes.refill(8);
    const std::string_view text = as_text(bytes.window());
    for (const KnownFormat& format : known_formats)
      if (text.starts_with(format.begins))
        return Error{Reason::not_this_protocol, name, 0, 0, 0, std::string(format.message)};
    return Error{Reason::not_this_protocol, name, 0, 0, 0,
                 "not a capture file: it begins with " + hexadecimal(bytes.window().first(4)) +
                     ", which is neither pcap nor pcapng"};
  }
  if (error) return std::move(*error);
  Frame frame;
  if (file->read({&frame, 1}) == 1) {
    file->identify(frame);
    file->first_ = frame;
    file->has_first_ = true;
  }
  return file;
}

uint32_t CaptureFile::u32(const uint8_t* at) const {
  const uint32_t value = native(at);
  return swapped_ ? swap(value) : value;
}

uint16_t CaptureFile::u16(const uint8_t* at) const {
  uint16_t value;
  std::memcpy(&value, at, sizeof(value));
  return swapped_ ? __builtin_bswap16(value) : value;
}

void CaptureFile::tell_interfaces(InterfaceListener listener) {
  listener_ = std::move(listener);
  for (const Interface& interface : interfaces_) listener_(interface.name);
}

void CaptureFile::tell_secrets(SecretsListener listener) {
  secrets_listener_ = std::move(listener);
  if (!secrets_.empty()) secrets_listener_(secrets_);
  secrets_ = {};
}

// Kind and length, then the secrets; what pads them to four bytes is none.
bool CaptureFile::decryption_secrets(Bytes body) {
  if (body.size() < 8) return fail("a block of secrets is too short");
  const uint32_t kind = u32(body.data()), length = u32(body.data() + 4);
  if (length > body.size() - 8)
    return fail("a block of secrets claims " + std::to_string(length) + " bytes, it has room for " +
                std::to_string(body.size() - 8));
  if (kind != secrets_tls) return true;
  const Bytes key_log = body.subspan(8, length);
  if (secrets_listener_) {
    secrets_listener_(key_log);
  } else {
    secrets_.insert(secrets_.end(), key_log.begin(), key_log.end());
    secrets_.push_back('\n');
  }
  return true;
}

void CaptureFile::add_interface(std::string name, uint32_t link) {
  interfaces_.push_back({std::move(name), link});
  if (listener_) listener_(interfaces_.back().name);
}

std::string_view CaptureFile::interface_name(uint32_t number) const {
  return number < interfaces_.size() ? std::string_view(interfaces_[number].name) : std::string_view();
}

bool CaptureFile::fail(const std::string& message) {
  if (!damage_) damage_ = Error{Reason::truncated, name_, 0, 0, in_->offset(), message};
  ended_ = true;
  return false;
}

// The bytes end inside something, or could not be read further.
void CaptureFile::cut(std::string_view what) {
  ended_ = true;
  in_->settle();
  if (const Error* error = in_->error()) {
    damage_ = *error;
    return;
  }
  fail("the file ends inside " + std::string(what) + ", " + plural(in_->available(), "byte") +
       " behind its start");
}

CaptureFile::Need CaptureFile::need(std::size_t n, std::size_t pending) {
  if (in_->available() >= n) [[likely]] return Need::ready;
  if (in_->complete()) return Need::end;
  if (pending != 0) return Need::later;  // a refill would move the frames of this batch
  return in_->refill(n) ? Need::ready : Need::end;
}

std::size_t CaptureFile::read(std::span<Frame> out) {
  if (out.empty()) return 0;
  if (has_first_) {
    // The first frame was read ahead for the identity; its bytes are still where they were.
    has_first_ = false;
    out[0] = first_;
    return 1;
  }
  if (ended_) return 0;
  in_->settle();
  if (in_->error() != nullptr && in_->complete() && in_->available() == 0) {
    cut("a packet");
    return 0;
  }
  return next_generation_ ? read_next_generation(out) : read_classic(out);
}

// 128-bit FNV-1a (draft-eastlake-fnv): fast enough for one packet, and the same everywhere.
void CaptureFile::identify(const Frame& frame) {
  uint128 hash = (static_cast<uint128>(0x6c62272e07bb0142ULL) << 64) | 0x62b821756295c58dULL;
  const uint128 prime = (static_cast<uint128>(1) << 88) | 0x13b;
  const auto add = [&](uint8_t byte) {
    hash ^= byte;
    hash *= prime;
  };
  const auto number = [&](uint64_t value) {
    for (int i = 0; i < 8; ++i) add(static_cast<uint8_t>(value >> (8 * i)));
  };
  number(static_cast<uint64_t>(frame.time));
  number(frame.original_length);
  number(frame.link);
  number(frame.bytes.size());
  for (uint8_t byte : frame.bytes) add(byte);
  for (std::size_t i = 0; i < identity_.size(); ++i)
    identity_[i] = static_cast<uint8_t>(hash >> (8 * (15 - i)));
}

// ------------------------------------------------------------------------------------------- pcap

std::optional<Error> CaptureFile::open_classic() {
  if (!in_->refill(24)) {
    if (const Error* error = in_->error()) return *error;
    return Error{Reason::truncated, name_, 0, 0, in_->available(),
                 "the pcap file header has 24 bytes, this file only " +
                     std::to_string(in_->available())};
  }
  const uint8_t* at = in_->at();
  uint32_t magic = native(at);
  swapped_ = magic != magic_micro && magic != magic_nano && magic != magic_modified;
  if (swapped_) magic = swap(magic);
  nanoseconds_ = magic == magic_nano;
  if (magic == magic_modified) record_header_ = 24;
  const uint16_t major = u16(at + 4), minor = u16(at + 6);
  if (major != 2)
    return Error{Reason::not_this_protocol, name_, 0, 0, 4,
                 "pcap version " + std::to_string(major) + "." + std::to_string(minor) +
                     " is not known (2.4 is the usual one)"};
  lengths_swapped_ = minor < 3;
  link_ = u32(at + 20) & 0xffff;  // the upper half tells about frame check sequences
  add_interface("", link_);
  in_->consume(24);
  return std::nullopt;
}

std::size_t CaptureFile::read_classic(std::span<Frame> out) {
  std::size_t count = 0;
  while (count < out.size()) {
    Need state = need(record_header_, count);
    if (state == Need::later) break;
    if (state == Need::end) {
      ended_ = true;
      in_->settle();
      if (in_->available() != 0 || in_->error() != nullptr)
        cut("the header of packet " + std::to_string(frames_ + 1));
      break;
    }
    const uint8_t* at = in_->at();
    // A record's place is known only when the one before it has been looked at, and none is in the
    // CPU's cache: the headers behind this one are fetched along with it, and so is the record that
    // follows if this one is as long as the last. Wrong guesses cost nothing but the fetch.
    __builtin_prefetch(at + 64);
    const uint8_t* guess = at + record_header_ + last_captured_;
    __builtin_prefetch(guess);
    __builtin_prefetch(guess + 64);
    uint32_t captured = u32(at + 8), original = u32(at + 12);
    if (lengths_swapped_ && captured > original) std::swap(captured, original);
    if (captured > largest_frame) [[unlikely]] {
      fail("packet " + std::to_string(frames_ + 1) + " claims " + std::to_string(captured) +
           " bytes, more than any frame has");
      break;
    }
    state = need(record_header_ + captured, count);
    if (state == Need::later) break;
    if (state == Need::end) {
      cut("packet " + std::to_string(frames_ + 1));
      break;
    }
    at = in_->at();
    Frame& frame = out[count++];
    const int64_t fraction = u32(at + 4);
    frame.time = int64_t{u32(at)} * second_ns + (nanoseconds_ ? fraction : fraction * 1000);
    frame.bytes = {at + record_header_, captured};
    frame.original_length = original < captured ? captured : original;
    frame.link = link_;
    frame.interface = 0;
    last_captured_ = captured;
    in_->consume(record_header_ + captured);
    ++frames_;
  }
  return count;
}

// ----------------------------------------------------------------------------------------- pcapng

std::optional<Error> CaptureFile::open_next_generation() {
  next_generation_ = true;
  if (!in_->refill(12)) {
    if (const Error* error = in_->error()) return *error;
    return Error{Reason::truncated, name_, 0, 0, in_->available(), "the pcapng section header is cut"};
  }
  const uint32_t order = native(in_->at() + 8);
  if (order != order_magic && swap(order) != order_magic)
    return Error{Reason::not_this_protocol, name_, 0, 0, 8,
                 "not a capture file: it begins like pcapng, but its byte-order mark is " +
                     hexadecimal(in_->window().subspan(8, 4))};
  return std::nullopt;
}

// At a section header of at least 16 bytes: tells the byte order of what follows.
bool CaptureFile::section_header() {
  const uint8_t* at = in_->at();
  const uint32_t order = native(at + 8);
  if (order == order_magic)
    swapped_ = false;
  else if (swap(order) == order_magic)
    swapped_ = true;
  else
    return fail("a section header without a byte-order mark");
  if (u16(at + 12) != 1)
    return fail("pcapng version " + std::to_string(u16(at + 12)) + "." +
                std::to_string(u16(at + 14)) + " is not known (1.0 is the usual one)");
  section_.clear();
  return true;
}

bool CaptureFile::interface_description(Bytes body) {
  if (body.size() < 8) return fail("an interface description of " + plural(body.size(), "byte"));
  SectionInterface entry;
  std::string name;
  entry.link = u16(body.data());
  entry.snap_length = u32(body.data() + 4);
  Bytes options = body.subspan(8);
  while (options.size() >= 4) {
    const uint16_t code = u16(options.data());
    const std::size_t length = u16(options.data() + 2);
    const std::size_t padded = (length + 3) & ~std::size_t{3};
    options = options.subspan(4);
    if (code == 0 || length > options.size()) break;
    const Bytes value = options.first(length);
    if (code == 2 && name.empty()) {
      name = as_text(value.first(std::min<std::size_t>(length, 255)));
      name.resize(std::strlen(name.c_str()));  // some writers pad with NUL
    } else if (code == 9 && length >= 1) {
      Clock& clock = entry.clock;
      const uint8_t exponent = value[0] & 0x7f;
      clock.binary = (value[0] & 0x80) != 0;
      clock.multiply = clock.divide = 0;
      if (clock.binary) {
        clock.shift = std::min<uint8_t>(exponent, 64);
      } else if (exponent <= 9) {
        clock.multiply = 1;
        for (int i = exponent; i < 9; ++i) clock.multiply *= 10;
      } else {
        clock.divide = 1;
        for (int i = 9; i < exponent && clock.divide < std::numeric_limits<uint64_t>::max() / 10; ++i)
          clock.divide *= 10;
      }
    } else if (code == 14 && length >= 8) {
      uint64_t offset;
      std::memcpy(&offset, value.data(), sizeof(offset));
      entry.clock.offset_s = static_cast<int64_t>(swapped_ ? __builtin_bswap64(offset) : offset);
    }
    options = options.subspan(std::min(padded, options.size()));
  }
  // A later section of the same file that lists the same interface at the same place goes on with
  // its number: files are often put behind one another.
  const std::size_t place = section_.size();
  if (place < interfaces_.size() && interfaces_[place].name == name &&
      interfaces_[place].link == entry.link) {
    entry.number = static_cast<uint32_t>(place);
  } else {
    if (interfaces_.size() >= most_interfaces || section_.size() >= most_interfaces)
      return fail("more than " + std::to_string(most_interfaces) + " interfaces");
    entry.number = static_cast<uint32_t>(interfaces_.size());
    add_interface(std::move(name), entry.link);
  }
  section_.push_back(entry);
  return true;
}

PacketTime CaptureFile::time_of(uint64_t stamp, const Clock& clock) {
  uint128 ns;
  if (!clock.binary && clock.multiply != 0) [[likely]]
    ns = static_cast<uint128>(stamp) * clock.multiply;
  else if (clock.binary)
    ns = (static_cast<uint128>(stamp) * second_ns) >> clock.shift;
  else
    ns = stamp / clock.divide;
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  const int64_t at = ns > static_cast<uint128>(most) ? most : static_cast<int64_t>(ns);
  if (clock.offset_s == 0) [[likely]] return at;
  int64_t offset, sum;
  if (__builtin_mul_overflow(clock.offset_s, second_ns, &offset) ||
      __builtin_add_overflow(at, offset, &sum))
    return at;  // an offset beyond 292 years says nothing
  return sum;
}

bool CaptureFile::enhanced_packet(Bytes body, bool obsolete, Frame& frame) {
  const std::string which = "packet ";
  if (body.size() < 20) return fail(which + std::to_string(frames_ + 1) + ": its block is too short");
  const uint8_t* at = body.data();
  const uint32_t id = obsolete ? u16(at) : u32(at);
  if (id >= section_.size())
    return fail(which + std::to_string(frames_ + 1) + " belongs to interface " + std::to_string(id) +
                ", of which the section has " + std::to_string(section_.size()));
  const uint32_t captured = u32(at + 12);
  if (captured > body.size() - 20)
    return fail(which + std::to_string(frames_ + 1) + " claims " + std::to_string(captured) +
                " bytes, its block has room for " + std::to_string(body.size() - 20));
  const SectionInterface& interface = section_[id];
  frame.time = time_of(uint64_t{u32(at + 4)} << 32 | u32(at + 8), interface.clock);
  frame.bytes = body.subspan(20, captured);
  frame.original_length = std::max(u32(at + 16), captured);
  frame.link = interface.link;
  frame.interface = interface.number;
  newest_ = frame.time;
  return true;
}

bool CaptureFile::simple_packet(Bytes body, Frame& frame) {
  if (body.size() < 4) return fail("packet " + std::to_string(frames_ + 1) + ": its block is too short");
  if (section_.empty())
    return fail("packet " + std::to_string(frames_ + 1) + " comes before any interface");
  const SectionInterface& interface = section_[0];
  const uint32_t original = u32(body.data());
  uint32_t captured = original;
  if (interface.snap_length != 0) captured = std::min(captured, interface.snap_length);
  captured = static_cast<uint32_t>(std::min<std::size_t>(captured, body.size() - 4));
  frame.time = newest_;  // these blocks have no time of their own
  frame.bytes = body.subspan(4, captured);
  frame.original_length = original;
  frame.link = interface.link;
  frame.interface = interface.number;
  return true;
}

std::size_t CaptureFile::read_next_generation(std::span<Frame> out) {
  std::size_t count = 0;
  while (count < out.size() && !ended_) {
    Need state = need(block_frame, count);
    if (state == Need::later) break;
    if (state == Need::end) {
      ended_ = true;
      in_->settle();
      if (in_->available() != 0 || in_->error() != nullptr) cut("a block header");
      break;
    }
    const uint8_t* at = in_->at();
    const uint32_t type = u32(at);
    if (type == block_section) {
      state = need(16, count);
      if (state == Need::later) break;
      if (state == Need::end) {
        cut("a section header");
        break;
      }
      if (!section_header()) break;
      at = in_->at();
    }
    const uint32_t length = u32(at + 4);
    if (length < block_frame || length % 4 != 0) {
      fail("a block of type " + std::to_string(type) + " claims a length of " + std::to_string(length) +
           " bytes, which is not possible");
      break;
    }
    const bool packet = type == block_enhanced || type == block_packet || type == block_simple;
    const bool secrets = type == block_secrets && length <= ByteSource::largest_request;
    if (!packet && type != block_interface && !secrets) {
      // Name resolution, statistics, custom blocks: nothing for us, whatever their size.
      if (count != 0 && in_->available() < length && !in_->complete()) break;
      const uint64_t start = in_->offset();
      if (!in_->skip(length)) {
        ended_ = true;
        in_->settle();
        const Error* error = in_->error();
        damage_ = error != nullptr
                      ? *error
                      : Error{Reason::truncated, name_, 0, 0, start,
                              "the file ends inside a block of type " + std::to_string(type) + " of " +
                                  plural(length, "byte")};
      }
      continue;
    }
    if (length > ByteSource::largest_request) {
      fail("a block of type " + std::to_string(type) + " claims " + std::to_string(length) +
           " bytes, more than any frame has");
      break;
    }
    state = need(length, count);
    if (state == Need::later) break;
    if (state == Need::end) {
      cut(packet    ? "packet " + std::to_string(frames_ + 1)
          : secrets ? std::string("a block of secrets")
                    : std::string("an interface description"));
      break;
    }
    at = in_->at();
    if (u32(at + length - 4) != length) {
      fail("a block of " + std::to_string(length) + " bytes ends with another length, " +
           std::to_string(u32(at + length - 4)));
      break;
    }
    const Bytes body(at + 8, length - block_frame);
    if (type == block_interface) {
      if (!interface_description(body)) break;
    } else if (secrets) {
      if (!decryption_secrets(body)) break;
    } else {
      Frame& frame = out[count];
      if (!(type == block_simple ? simple_packet(body, frame)
                                 : enhanced_packet(body, type == block_packet, frame)))
        break;
      ++count;
      ++frames_;
    }
    in_->consume(length);
  }
  return count;
}

}  // namespace handprint
