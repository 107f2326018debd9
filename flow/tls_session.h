// SPDX-License-Identifier: Apache-2.0
// One TLS connection whose secrets may be known: both directions' bytes in, plaintext out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "fingerprint/server_hello.h"
#include "fingerprint/tls_cipher.h"
#include "flow/document.h"
#include "flow/key_log.h"

namespace handprint {

// Who takes what was opened.
class TlsPlaintext {
 public:
  // A whole handshake message that was encrypted on the wire.
  virtual void handshake(Side side, uint8_t type, Bytes body, bool tls13) = 0;
  // Application data, in order.
  virtual void application(Side side, Bytes bytes) = 0;
  // The other side has bytes of this one that did not come here: they are late, or will be missing. What it
  // sends from now on was sent with their knowledge.
  virtual void overdue(Side side) = 0;
  // Some of this side's application data is missing behind what was told; the next begins a record.
  virtual void gap(Side side) = 0;

 protected:
  ~TlsPlaintext() = default;
};

// The bytes of one direction in their order. What comes too early waits; where bytes do not come at all
// the stream goes on behind the gap.
class OrderedBytes {
 public:
  static constexpr std::size_t most_waiting = 256 * 1024;

  // The stream begins at this sequence number.
  void begin(uint32_t sequence);
  bool begun() const { return begun_; }
  void add(uint32_t sequence, Bytes bytes);
  // What is there and not consumed yet.
  Bytes ready() const { return Bytes(ready_).subspan(read_); }
  void consume(std::size_t n);
  // The receiver has everything in front of this number. Result: whether some of it did not come here.
  bool acknowledge(uint32_t number);
  // Such bytes have others waiting behind them: they will not be seen any more.
  bool is_lost() const;
  // Goes over the gap in front of what waits. Result: false when nothing waits.
  bool skip_gap();
  bool too_much_waits() const { return waiting_bytes_ > most_waiting; }
  std::size_t held() const { return ready_.size() - read_ + waiting_bytes_; }

 private:
  void take_waiting();

  bool begun_ = false;
  uint32_t next_ = 0;         // sequence number behind `ready_`
  uint32_t acknowledged_ = 0; // if has_acknowledged_
  bool has_acknowledged_ = false;
  uint32_t first_ = 0;        // of what waits before begin()
  bool has_first_ = false;
  std::vector<uint8_t> ready_;
  std::size_t read_ = 0;
  std::map<int64_t, std::vector<uint8_t>> waiting_;  // by distance from first_
  std::size_t waiting_bytes_ = 0;
};

// What became of a session.
enum class TlsSessionState : uint8_t {
  going_on,
  waits_for_secrets,  // the key log does not have them yet
  over,               // nothing further can be opened
};

class TlsSession {
 public:
  explicit TlsSession(const KeyLog& keys) : keys_(keys) {}

  // TLS of this side begins at this sequence number.
  void begin(Side side, uint32_t sequence);
  // Bytes of this side, in any order, also before begin().
  void add(Side side, uint32_t sequence, Bytes bytes, TlsPlaintext& out);
  // The other side has this side's bytes up to the number.
  void acknowledged(Side side, uint32_t number, TlsPlaintext& out);
  // The key log has grown.
  void keys_came(TlsPlaintext& out);
  // Nothing more comes: goes over all gaps.
  void finish(TlsPlaintext& out);

  TlsSessionState state() const;
  // Records that were opened, and bytes in them.
  uint64_t opened() const { return opened_; }
  std::size_t held() const { return sides_[0].bytes.held() + sides_[1].bytes.held(); }

 private:
  enum class Stage : uint8_t { clear, early, handshake, traffic };
  enum class Step : uint8_t { done, wait, over };
  struct Direction {
    OrderedBytes bytes;
    TlsRecordOpener opener;
    Stage stage = Stage::clear;
    uint64_t sequence = 0;
    uint32_t refused = 0;       // records in a row that no key opened
    bool encrypted = false;
    bool lost = false;          // behind a gap: where records begin, and their number, are not known
    bool over = false;
    TlsSecret secret;           // of the stage, TLS 1.3
    std::vector<uint8_t> messages;  // handshake bytes that are no whole message yet
  };

  Direction& of(Side side) { return sides_[side == Side::client ? 0 : 1]; }
  void run(TlsPlaintext& out);
  bool skip_gap(Side side, TlsPlaintext& out);
  void go_over_lost(Side side, TlsPlaintext& out);
  bool run(Side side, TlsPlaintext& out);
  bool early_data_undecided() const;
  Step record(Side side, Bytes record, TlsPlaintext& out);
  Step change_cipher(Side side);
  Step open(Side side, Bytes record, TlsPlaintext& out);
  bool open_tls13(Side side, Bytes record, TlsRecordOpener::Opened& opened);
  bool set_stage(Side side, Stage stage);
  bool try_numbers(Direction& direction, Bytes record, TlsRecordOpener::Opened& opened);
  void content(Side side, const TlsRecordOpener::Opened& opened, TlsPlaintext& out);
  void messages(Side side, Bytes bytes, bool encrypted, TlsPlaintext& out);
  void message(Side side, uint8_t type, Bytes body, bool encrypted, TlsPlaintext& out);
  bool find_record(Side side);

  const KeyLog& keys_;
  std::array<Direction, 2> sides_;  // client, server
  bool client_hello_ = false, server_hello_ = false, retry_ = false, early_data_ = false;
  bool early_data_taken_ = false, extensions_seen_ = false;  // as the server's EncryptedExtensions say
  bool ending_ = false;                                      // nothing more comes
  bool waits_ = false;
  TlsRandom client_random_{}, server_random_{};
  uint16_t version_ = 0;
  const TlsSuite* suite_ = nullptr;
  bool encrypt_then_mac_ = false;
  uint64_t opened_ = 0;
  uint32_t searches_ = 0;
  std::vector<uint8_t> room_;
};

}  // namespace handprint
