// SPDX-License-Identifier: Apache-2.0
#include "flow/tls_session.h"

#include <algorithm>

#include "fingerprint/client_hello.h"
#include "fingerprint/tls_record.h"

namespace handprint {
namespace {

constexpr std::size_t header_size = 5;
constexpr std::size_t longest_record = 16384 + 2048;  // RFC 5246 section 6.2.3
constexpr std::size_t longest_messages = 1u << 18;
constexpr uint8_t change_cipher_spec = 20, alert = 21, handshake = 22, application_data = 23;
constexpr uint8_t key_update = 24;
constexpr uint16_t ssl3 = 0x0300, tls13 = 0x0304;
// How many records may have been lost in a gap, and how many that no key opens may follow each other
// (early data that the server rejects).
constexpr uint64_t numbers_tried = 64;
constexpr uint32_t refused_most = 256;
// How often, in a session, bytes behind gaps are tried to be opened: what only looks like records must not
// cost more.
constexpr uint32_t searches_most = 20'000;

bool is_record(Bytes bytes) {
  return bytes.size() >= header_size && bytes[0] >= change_cipher_spec && bytes[0] <= application_data &&
         bytes[1] == 3 && bytes[2] <= 4 && load_u16(&bytes[3]) <= longest_record;
}

}  // namespace

// --- OrderedBytes -------------------------------------------------------------------------------

void OrderedBytes::begin(uint32_t sequence) {
  if (begun_) return;
  begun_ = true;
  if (has_first_) {
    // What waits is by distance from the first that came; from now on, from the beginning.
    const auto shift = static_cast<int32_t>(sequence - first_);
    std::map<int64_t, std::vector<uint8_t>> moved;
    for (auto& [at, bytes] : waiting_) moved.emplace(at - shift, std::move(bytes));
    waiting_ = std::move(moved);
  }
  first_ = next_ = sequence;
  has_first_ = true;
  take_waiting();
}

void OrderedBytes::add(uint32_t sequence, Bytes bytes) {
  if (bytes.empty()) return;
  if (!has_first_) {
    first_ = sequence;
    has_first_ = true;
  }
  // Sequence numbers wrap; distances from what comes next do not, within half of their range.
  if (begun_) {
    const auto ahead = static_cast<int32_t>(sequence - next_);
    if (ahead <= 0) {
      const auto known = static_cast<std::size_t>(-int64_t{ahead});
      if (known >= bytes.size()) return;
      bytes = bytes.subspan(known);
      ready_.insert(ready_.end(), bytes.begin(), bytes.end());
      next_ += static_cast<uint32_t>(bytes.size());
      take_waiting();
      return;
    }
  }
  const auto at = static_cast<int32_t>(sequence - first_);
  auto& kept = waiting_[at];
  if (kept.size() >= bytes.size()) return;
  waiting_bytes_ += bytes.size() - kept.size();
  kept.assign(bytes.begin(), bytes.end());
}

void OrderedBytes::take_waiting() {
  while (!waiting_.empty()) {
    const auto first = waiting_.begin();
    const auto ahead = static_cast<int32_t>(first_ + static_cast<uint32_t>(first->first) - next_);
    if (ahead > 0) return;
    const auto known = static_cast<std::size_t>(-int64_t{ahead});
    const std::vector<uint8_t> bytes = std::move(first->second);
    waiting_bytes_ -= bytes.size();
    waiting_.erase(first);
    if (known >= bytes.size()) continue;
    ready_.insert(ready_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(known), bytes.end());
    next_ += static_cast<uint32_t>(bytes.size() - known);
  }
}

void OrderedBytes::consume(std::size_t n) {
  read_ += n;
  if (read_ == ready_.size()) {
    ready_.clear();
    read_ = 0;
  } else if (read_ > 65536) {
    ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(read_));
    read_ = 0;
  }
}

bool OrderedBytes::acknowledge(uint32_t number) {
  acknowledged_ = number;
  has_acknowledged_ = true;
  return begun_ && static_cast<int32_t>(number - next_) > 0;
}

bool OrderedBytes::is_lost() const {
  if (!begun_ || !has_acknowledged_ || waiting_.empty()) return false;
  const uint32_t first = first_ + static_cast<uint32_t>(waiting_.begin()->first);
  return static_cast<int32_t>(acknowledged_ - next_) > 0 && static_cast<int32_t>(acknowledged_ - first) >= 0;
}

bool OrderedBytes::skip_gap() {
  if (!begun_ || waiting_.empty()) return false;
  next_ = first_ + static_cast<uint32_t>(waiting_.begin()->first);
  take_waiting();
  return true;
}

// --- TlsSession ---------------------------------------------------------------------------------

void TlsSession::begin(Side side, uint32_t sequence) { of(side).bytes.begin(sequence); }

void TlsSession::add(Side side, uint32_t sequence, Bytes bytes, TlsPlaintext& out) {
  Direction& direction = of(side);
  if (direction.over) return;
  direction.bytes.add(sequence, bytes);
  if (direction.bytes.too_much_waits()) {
    if (!direction.bytes.begun()) {
      direction.over = true;
      return;
    }
    skip_gap(side, out);
  }
  go_over_lost(side, out);
  run(out);
}

// Goes over gaps that will not be filled.
void TlsSession::go_over_lost(Side side, TlsPlaintext& out) {
  if (!of(side).bytes.is_lost()) return;
  run(out);  // what is whole in front of it
  skip_gap(side, out);
}

// Goes on behind the gap; a record that the gap cuts is lost. False when nothing waits there.
bool TlsSession::skip_gap(Side side, TlsPlaintext& out) {
  Direction& direction = of(side);
  const std::size_t cut = direction.bytes.ready().size();
  if (!direction.bytes.skip_gap()) return false;
  direction.bytes.consume(cut);
  direction.lost = true;
  out.gap(side);
  return true;
}

void TlsSession::acknowledged(Side side, uint32_t number, TlsPlaintext& out) {
  Direction& direction = of(side);
  if (direction.over || !direction.bytes.acknowledge(number)) return;
  out.overdue(side);
  go_over_lost(side, out);
  run(out);
}

void TlsSession::keys_came(TlsPlaintext& out) {
  waits_ = false;
  run(out);
}

void TlsSession::finish(TlsPlaintext& out) {
  ending_ = true;
  run(out);
  for (const Side side : {Side::client, Side::server}) {
    Direction& direction = of(side);
    while (!direction.over && skip_gap(side, out)) run(out);
  }
}

TlsSessionState TlsSession::state() const {
  if (sides_[0].over && sides_[1].over) return TlsSessionState::over;
  return waits_ ? TlsSessionState::waits_for_secrets : TlsSessionState::going_on;
}

void TlsSession::run(TlsPlaintext& out) {
  // What one side says may be what the other waits for.
  for (bool again = true; again;) {
    again = run(Side::client, out);
    again = run(Side::server, out) || again;
  }
}

// Reads the records that are whole. Result: whether there was one.
bool TlsSession::run(Side side, TlsPlaintext& out) {
  Direction& direction = of(side);
  bool any = false;
  while (!direction.over) {
    if (direction.lost && !find_record(side)) break;
    const Bytes ready = direction.bytes.ready();
    if (ready.size() < header_size) break;
    if (!is_record(ready)) {
      direction.over = true;
      break;
    }
    const std::size_t size = header_size + load_u16(&ready[3]);
    if (ready.size() < size) break;
    const Step step = record(side, ready.first(size), out);
    if (step == Step::wait) break;
    if (step == Step::over) direction.over = true;
    direction.bytes.consume(size);
    any = true;
  }
  return any;
}

// Behind a gap: goes to the next record that the keys open. False when there is none yet.
bool TlsSession::find_record(Side side) {
  Direction& direction = of(side);
  if (!direction.encrypted || !direction.opener.ready()) {
    direction.over = true;
    return false;
  }
  Bytes ready = direction.bytes.ready();
  room_.resize(std::max<std::size_t>(room_.size(), longest_record + 64));
  for (; ready.size() >= header_size; ready = ready.subspan(1)) {
    if (!is_record(ready) || ready[0] == alert) continue;
    const std::size_t size = header_size + load_u16(&ready[3]);
    if (ready.size() < size) {
      // It may be one whose end is to come.
      if (direction.bytes.held() < longest_record + header_size) break;
      continue;
    }
    TlsRecordOpener::Opened opened;
    searches_ += numbers_tried;
    if (searches_ > searches_most) {
      direction.over = true;
      return false;
    }
    if (!try_numbers(direction, ready.first(size), opened)) continue;
    --direction.sequence;  // it is opened once more, in its turn
    direction.bytes.consume(direction.bytes.ready().size() - ready.size());
    direction.lost = false;
    return true;
  }
  direction.bytes.consume(direction.bytes.ready().size() - ready.size());
  return false;
}

TlsSession::Step TlsSession::record(Side side, Bytes record, TlsPlaintext& out) {
  Direction& direction = of(side);
  const Bytes body = record.subspan(header_size);
  switch (record[0]) {
    case change_cipher_spec:
      // The client's may come before the server has said what it means (RFC 8446 appendix D.4).
      if (!server_hello_ && !retry_) return Step::wait;
      if (retry_ || version_ >= tls13) return Step::done;
      return change_cipher(side);
    case handshake:
      if (direction.encrypted) break;
      messages(side, body, false, out);
      return Step::done;
    case alert:
      if (!direction.encrypted) return Step::done;
      break;
    default:
      if (!server_hello_) {
        // Early data, of which nothing is known until the server's hello is there; it may be on its way.
        return Step::wait;
      }
      if (version_ < tls13 && !direction.encrypted) return Step::over;
      break;
  }
  return open(side, record, out);
}

TlsSession::Step TlsSession::change_cipher(Side side) {
  Direction& direction = of(side);
  const TlsSecrets* secrets = keys_.find(client_random_);
  if (secrets == nullptr || !secrets->master.known()) {
    waits_ = true;
    return Step::wait;
  }
  if (suite_ == nullptr) return Step::over;
  const TlsKeyMaterial material{version_, secrets->master.view(), client_random_, server_random_,
                                encrypt_then_mac_};
  if (!direction.opener.set_tls12(*suite_, material, side == Side::client)) return Step::over;
  direction.encrypted = true;
  direction.sequence = 0;
  direction.messages.clear();
  return Step::done;
}

bool TlsSession::set_stage(Side side, Stage stage) {
  Direction& direction = of(side);
  const TlsSecrets* secrets = keys_.find(client_random_);
  if (secrets == nullptr || suite_ == nullptr) return false;
  const bool client = side == Side::client;
  const TlsSecret& secret = stage == Stage::early       ? secrets->client_early
                            : stage == Stage::handshake ? client ? secrets->client_handshake
                                                                 : secrets->server_handshake
                            : client ? secrets->client_traffic
                                     : secrets->server_traffic;
  if (!secret.known()) return false;
  TlsRecordOpener opener;
  if (!opener.set_tls13(*suite_, secret)) return false;
  direction.opener = std::move(opener);
  direction.stage = stage;
  direction.secret = secret;
  direction.sequence = 0;
  direction.encrypted = true;
  return true;
}

bool TlsSession::try_numbers(Direction& direction, Bytes record, TlsRecordOpener::Opened& opened) {
  const uint64_t most = direction.lost ? numbers_tried : 1;
  for (uint64_t i = 0; i < most; ++i) {
    opened = direction.opener.open(record, direction.sequence + i, room_);
    if (!opened.ok) continue;
    direction.sequence += i + 1;
    return true;
  }
  return false;
}

// Whether the server takes the client's early data stands in its EncryptedExtensions, which may be read yet.
bool TlsSession::early_data_undecided() const {
  if (!early_data_ || extensions_seen_ || ending_ || sides_[1].over) return false;
  const TlsSecrets* secrets = keys_.find(client_random_);
  return secrets != nullptr && secrets->client_early.known() && secrets->server_handshake.known();
}

// Tries the keys of this stage, then those of the later ones.
bool TlsSession::open_tls13(Side side, Bytes record, TlsRecordOpener::Opened& opened) {
  Direction& direction = of(side);
  if (direction.stage == Stage::clear) {
    const bool any = (side == Side::client && early_data_ && (early_data_taken_ || !extensions_seen_) && set_stage(side, Stage::early)) ||
                     set_stage(side, Stage::handshake) || set_stage(side, Stage::traffic);
    if (!any) return false;
  }
  if (try_numbers(direction, record, opened)) return true;
  // A stage is left only for one whose key fits.
  for (const Stage later : {Stage::handshake, Stage::traffic}) {
    if (later <= direction.stage) continue;
    const Stage stage = direction.stage;
    const TlsSecret secret = direction.secret;
    const uint64_t sequence = direction.sequence;
    TlsRecordOpener before = std::move(direction.opener);
    if (set_stage(side, later) && try_numbers(direction, record, opened)) return true;
    direction.opener = std::move(before);
    direction.stage = stage;
    direction.secret = secret;
    direction.sequence = sequence;
  }
  return false;
}

TlsSession::Step TlsSession::open(Side side, Bytes record, TlsPlaintext& out) {
  Direction& direction = of(side);
  room_.resize(std::max<std::size_t>(room_.size(), longest_record + 64));
  TlsRecordOpener::Opened opened;
  bool ok;
  if (version_ >= tls13) {
    if (keys_.find(client_random_) == nullptr) {
      waits_ = true;
      return Step::wait;
    }
    if (side == Side::client && direction.stage == Stage::clear && early_data_undecided()) return Step::wait;
    ok = open_tls13(side, record, opened);
    if (!ok && direction.stage == Stage::clear) {
      waits_ = true;
      return Step::wait;
    }
  } else {
    ok = try_numbers(direction, record, opened);
  }
  if (!ok) {
    // Early data that the server does not want is encrypted with keys that nobody gave.
    const bool early = side == Side::client && early_data_ && direction.stage <= Stage::handshake &&
                       direction.sequence == 0;
    if (early && ++direction.refused <= refused_most) return Step::done;
    return Step::over;
  }
  direction.refused = 0;
  ++opened_;
  content(side, opened, out);
  return Step::done;
}

void TlsSession::content(Side side, const TlsRecordOpener::Opened& opened, TlsPlaintext& out) {
  switch (opened.type) {
    case handshake: messages(side, opened.content, true, out); return;
    case application_data: out.application(side, opened.content); return;
    case change_cipher_spec:
      // A new handshake inside the old one (RFC 5246): its keys begin here.
      if (version_ < tls13 && change_cipher(side) != Step::done) of(side).over = true;
      return;
    default: return;
  }
}

void TlsSession::messages(Side side, Bytes bytes, bool encrypted, TlsPlaintext& out) {
  std::vector<uint8_t>& kept = of(side).messages;
  if (kept.size() + bytes.size() > longest_messages) {
    of(side).over = true;
    return;
  }
  kept.insert(kept.end(), bytes.begin(), bytes.end());
  // A message may change the keys, but what it is part of stays here.
  const std::vector<uint8_t> all = std::move(kept);
  kept = {};
  std::size_t at = 0;
  while (all.size() - at >= 4) {
    const std::size_t length =
        static_cast<std::size_t>(all[at + 1]) << 16 | static_cast<std::size_t>(all[at + 2]) << 8 | all[at + 3];
    if (all.size() - at - 4 < length) break;
    message(side, all[at], Bytes(all).subspan(at + 4, length), encrypted, out);
    at += 4 + length;
  }
  kept.insert(kept.begin(), all.begin() + static_cast<std::ptrdiff_t>(at), all.end());
}

void TlsSession::message(Side side, uint8_t type, Bytes body, bool encrypted, TlsPlaintext& out) {
  Direction& direction = of(side);
  const auto length = static_cast<uint32_t>(body.size());
  if (type == tls_handshake::client_hello && side == Side::client && version_ < tls13) {
    ClientHello hello;
    if (parse_client_hello(body, length, HelloTransport::tls, hello) == Reason::ok) {
      std::copy_n(hello.random.begin(), std::min<std::size_t>(hello.random.size(), 32), client_random_.begin());
      early_data_ = hello.has_early_data;
      client_hello_ = true;
    }
  } else if (type == tls_handshake::server_hello && side == Side::server && version_ < tls13) {
    ServerHello hello;
    if (parse_server_hello(body, length, HelloTransport::tls, hello) == Reason::ok) {
      if (hello.hello_retry_request) {
        retry_ = true;
      } else {
        std::copy_n(hello.random.begin(), std::min<std::size_t>(hello.random.size(), 32), server_random_.begin());
        version_ = hello.version();
        suite_ = find_tls_suite(hello.cipher_suite);
        encrypt_then_mac_ = hello.has_encrypt_then_mac;
        server_hello_ = true;
        retry_ = false;
        if (suite_ == nullptr || version_ <= ssl3) sides_[0].over = sides_[1].over = true;
      }
    }
  } else if (encrypted && version_ >= tls13 && type == tls_handshake::encrypted_extensions) {
    extensions_seen_ = true;
    Cursor in(body);
    for (Cursor list = in.sub(in.u16()); !list.empty(); list.skip(list.u16()))
      early_data_taken_ |= list.u16() == tls_extension::early_data;
  } else if (encrypted && version_ >= tls13) {
    if (type == tls_handshake::finished && direction.stage == Stage::handshake) {
      // What follows is under the next keys; without them nothing can be read any more.
      if (!set_stage(side, Stage::traffic)) direction.over = true;
    } else if (type == key_update && suite_ != nullptr) {
      direction.secret = next_traffic_secret(suite_->hash, direction.secret);
      direction.sequence = 0;
      if (!direction.opener.set_tls13(*suite_, direction.secret)) direction.over = true;
    }
  }
  if (encrypted) out.handshake(side, type, body, version_ >= tls13);
}

}  // namespace handprint
