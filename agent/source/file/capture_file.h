// SPDX-License-Identifier: Apache-2.0
// Reads capture files: classic pcap and pcapng, also when interfaces of different link types stand
// in one file (which libpcap refuses).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/source/file/byte_source.h"
#include "fingerprint/result.h"
#include "flow/segment.h"

namespace handprint {

// One captured packet. The bytes belong to the file and are valid until the next read().
struct Frame {
  PacketTime time = 0;           // ns since 1970, as the capture has it
  Bytes bytes;                   // what was captured
  uint32_t original_length = 0;  // on the wire, bytes
  uint32_t link = 0;             // LINKTYPE_ number
  uint32_t interface = 0;        // number within the file, from 0
};

class CaptureFile {
 public:
  static constexpr uint32_t largest_frame = 1u << 20;  // a longer one is damage (BIG TCP: 512 KiB)
  static constexpr std::size_t most_interfaces = 65536;

  // Opens by path, "-" being standard input, and reads up to the first packet. `stop` ends a wait
  // for a pipe. The error names the file and says what it is instead of a capture.
  static Result<std::unique_ptr<CaptureFile>> open(const std::string& path,
                                                   const std::atomic<bool>* stop = nullptr);
  // The same over memory that outlives the object.
  static Result<std::unique_ptr<CaptureFile>> open(Bytes bytes, const std::string& name);

  // Reads the next frames; returns how many, 0 at the end. The end is a clean one if damage() is
  // null. Fewer than asked for says nothing about the end. Allocates only where an interface is
  // announced.
  std::size_t read(std::span<Frame> out);

  // What ends the file before its time: which packet or block, at which offset (of the unpacked
  // capture), and why. Packets before it were delivered.
  const Error* damage() const { return damage_ ? &*damage_ : nullptr; }

  // Stands for the content in event ids: 128 bits of FNV-1a over time, lengths, link type and bytes
  // of the first packet. A capture has the same identity as file, compressed, through a pipe, cut
  // short or converted between pcap and pcapng, so that reading it again gives the same ids.
  const std::array<uint8_t, 16>& identity() const { return identity_; }

  // Told of every interface before the first of its frames is read: its name, in order of the numbers,
  // those that are already known at once.
  using InterfaceListener = std::function<void(std::string_view name)>;
  void tell_interfaces(InterfaceListener listener);

  // Told of every TLS key log that stands in the file (pcapng's Decryption Secrets Block), those that were
  // read already at once.
  using SecretsListener = std::function<void(Bytes key_log)>;
  void tell_secrets(SecretsListener listener);

  // The interface's name if the file tells it (pcapng if_name), else "".
  std::string_view interface_name(uint32_t number) const;
  std::size_t interface_count() const { return interfaces_.size(); }

  // "pcap" or "pcapng".
  std::string_view format() const { return next_generation_ ? "pcapng" : "pcap"; }

  // For progress: bytes of the stored file, 0 where the size is not known.
  uint64_t stored_read() const { return in_->stored_read(); }
  uint64_t stored_size() const { return in_->stored_size(); }

 private:
  enum class Need : uint8_t { ready, later, end };
  // How time stamps of an interface count.
  struct Clock {
    uint64_t multiply = 1000;  // ns a unit, 0: units are finer than a nanosecond or binary
    uint64_t divide = 0;       // units a ns
    uint8_t shift = 0;         // binary: 2^-shift s
    bool binary = false;
    int64_t offset_s = 0;
  };
  struct Interface {
    std::string name;
    uint32_t link = 0;
  };
  struct SectionInterface {
    uint32_t number = 0;  // in interfaces_
    uint32_t link = 0;
    uint32_t snap_length = 0;
    Clock clock;
  };

  CaptureFile(std::unique_ptr<ByteSource> in, const std::string& name);
  static Result<std::unique_ptr<CaptureFile>> start(std::unique_ptr<ByteSource> in,
                                                    const std::string& name);
  std::optional<Error> open_classic();
  std::optional<Error> open_next_generation();

  std::size_t read_classic(std::span<Frame> out);
  std::size_t read_next_generation(std::span<Frame> out);
  // One block of pcapng each; false after a failure, which ends the file.
  bool section_header();
  bool interface_description(Bytes body);
  bool decryption_secrets(Bytes body);
  bool enhanced_packet(Bytes body, bool obsolete, Frame& frame);
  bool simple_packet(Bytes body, Frame& frame);

  Need need(std::size_t n, std::size_t pending);
  bool fail(const std::string& message);  // always false
  void cut(std::string_view what);
  void identify(const Frame& frame);
  uint32_t u32(const uint8_t* at) const;
  uint16_t u16(const uint8_t* at) const;
  void add_interface(std::string name, uint32_t link);
  static PacketTime time_of(uint64_t stamp, const Clock& clock);

  std::unique_ptr<ByteSource> in_;
  std::string name_;
  std::optional<Error> damage_;
  std::array<uint8_t, 16> identity_{};
  std::vector<Interface> interfaces_;
  InterfaceListener listener_;
  SecretsListener secrets_listener_;
  std::vector<uint8_t> secrets_;  // read before there was a listener
  std::vector<SectionInterface> section_;
  Frame first_;
  bool has_first_ = false;
  bool ended_ = false;
  bool next_generation_ = false;
  bool swapped_ = false;
  bool nanoseconds_ = false;
  bool lengths_swapped_ = false;  // pcap before 2.3
  uint32_t record_header_ = 16;
  uint32_t link_ = 0;
  uint32_t last_captured_ = 0;
  uint64_t frames_ = 0;
  PacketTime newest_ = 0;
};

}  // namespace handprint
