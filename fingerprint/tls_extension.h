// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "fingerprint/cursor.h"

namespace handprint {

namespace tls_extension {
inline constexpr uint16_t server_name = 0x0000;
inline constexpr uint16_t status_request = 0x0005;
inline constexpr uint16_t supported_groups = 0x000a;
inline constexpr uint16_t ec_point_formats = 0x000b;
inline constexpr uint16_t signature_algorithms = 0x000d;
inline constexpr uint16_t alpn = 0x0010;
inline constexpr uint16_t padding = 0x0015;
inline constexpr uint16_t encrypt_then_mac = 0x0016;
inline constexpr uint16_t extended_master_secret = 0x0017;
inline constexpr uint16_t session_ticket = 0x0023;
inline constexpr uint16_t pre_shared_key = 0x0029;
inline constexpr uint16_t early_data = 0x002a;
inline constexpr uint16_t supported_versions = 0x002b;
inline constexpr uint16_t cookie = 0x002c;
inline constexpr uint16_t psk_key_exchange_modes = 0x002d;
inline constexpr uint16_t key_share = 0x0033;
inline constexpr uint16_t quic_transport_parameters = 0x0039;
inline constexpr uint16_t encrypted_client_hello = 0xfe0d;
inline constexpr uint16_t quic_transport_parameters_draft = 0xffa5;
}  // namespace tls_extension

struct Extension {
  uint16_t type = 0;
  Bytes data;
};

// The extensions of a hello, in the order of the wire, decoded while one walks over them:
//
//   for (const Extension& extension : hello.extensions) use(extension.type, extension.data);
//
// An extension that runs past the end of the block ends the walk and is not given; cut() tells.
class ExtensionList {
 public:
  ExtensionList() = default;
  explicit ExtensionList(Bytes block) : block_(block) {}

  class Iterator {
   public:
    using value_type = Extension;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    Iterator() = default;
    explicit Iterator(Bytes rest) : rest_(rest) { read(); }
    const Extension& operator*() const { return current_; }
    const Extension* operator->() const { return &current_; }
    Iterator& operator++() {
      read();
      return *this;
    }
    void operator++(int) { read(); }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) { return at.done_; }

   private:
    void read() {
      if (rest_.size() < 4) {
        done_ = true;
        return;
      }
      size_t length = load_u16(rest_.data() + 2);
      if (length > rest_.size() - 4) {
        done_ = true;
        return;
      }
      current_ = {load_u16(rest_.data()), rest_.subspan(4, length)};
      rest_ = rest_.subspan(4 + length);
    }

    Bytes rest_;
    Extension current_;
    bool done_ = false;
  };

  Iterator begin() const { return Iterator(block_); }
  std::default_sentinel_t end() const { return {}; }
  bool empty() const { return block_.size() < 4; }
  // The raw bytes, without their 16-bit length.
  Bytes block() const { return block_; }
  // Bytes after the last whole extension, which do not make one: a cut or a malformed hello.
  Bytes remainder() const;

 private:
  Bytes block_;
};

// A list of 16-bit values (cipher suites, groups, signature schemes, versions):
//
//   for (uint16_t suite : U16List(hello.cipher_suites)) …
//
// An odd last byte is not given.
class U16List {
 public:
  explicit U16List(Bytes bytes) : bytes_(bytes) {}

  class Iterator {
   public:
    using value_type = uint16_t;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    Iterator() = default;
    explicit Iterator(const uint8_t* at) : at_(at) {}
    uint16_t operator*() const { return load_u16(at_); }
    Iterator& operator++() {
      at_ += 2;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      at_ += 2;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const uint8_t* at_ = nullptr;
  };

  Iterator begin() const { return Iterator(bytes_.data()); }
  Iterator end() const { return Iterator(bytes_.data() + (bytes_.size() & ~size_t{1})); }
  size_t size() const { return bytes_.size() / 2; }
  bool empty() const { return size() == 0; }
  uint16_t operator[](size_t index) const { return load_u16(bytes_.data() + 2 * index); }
  Bytes bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// Protocol names of ALPN (RFC 7301 section 3.1), each with a length byte in front:
//
//   for (std::string_view protocol : ProtocolNameList(hello.alpn)) …
//
// A name that runs past the end is not given.
class ProtocolNameList {
 public:
  explicit ProtocolNameList(Bytes bytes) : bytes_(bytes) {}

  class Iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    Iterator() = default;
    explicit Iterator(Bytes rest) : rest_(rest) { read(); }
    std::string_view operator*() const { return current_; }
    Iterator& operator++() {
      read();
      return *this;
    }
    void operator++(int) { read(); }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) { return at.done_; }

   private:
    void read() {
      if (rest_.empty() || rest_[0] > rest_.size() - 1) {
        done_ = true;
        return;
      }
      size_t length = rest_[0];
      current_ = as_text(rest_.subspan(1, length));
      rest_ = rest_.subspan(1 + length);
    }

    Bytes rest_;
    std::string_view current_;
    bool done_ = false;
  };

  Iterator begin() const { return Iterator(bytes_); }
  std::default_sentinel_t end() const { return {}; }

 private:
  Bytes bytes_;
};

// The groups of a client's key_share list (RFC 8446 section 4.2.8): group, length, key.
struct KeyShare {
  uint16_t group = 0;
  Bytes key;
};

class KeyShareList {
 public:
  // `list`: the entries, without the 16-bit length in front of them. They have the shape of
  // extensions (16-bit code, 16-bit length, data), and are walked as such.
  explicit KeyShareList(Bytes list) : list_(list) {}

  class Iterator {
   public:
    using value_type = KeyShare;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    Iterator() = default;
    explicit Iterator(ExtensionList::Iterator at) : at_(at) {}
    KeyShare operator*() const { return {at_->type, at_->data}; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    void operator++(int) { ++at_; }
    friend bool operator==(const Iterator& a, std::default_sentinel_t end) { return a.at_ == end; }

   private:
    ExtensionList::Iterator at_;
  };

  Iterator begin() const { return Iterator(list_.begin()); }
  std::default_sentinel_t end() const { return {}; }

 private:
  ExtensionList list_;
};

}  // namespace handprint
