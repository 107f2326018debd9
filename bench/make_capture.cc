// SPDX-License-Identifier: Apache-2.0
// Makes a large capture out of small real ones, for the paired runs of bench/run:
//
//   make_capture hello|bulk PACKETS OUT.pcap TEMPLATE.pcap…
//
// Each connection of the templates that begins with a SYN is repeated until PACKETS stand in the
// file, 64 at a time interleaved, ten microseconds apart. Every repetition has addresses, ports,
// sequence numbers, Random, session id, key shares and server name of its own, so that no cache that
// is keyed by content can answer. `hello`: the first eight packets of each, so that about one packet
// in eight is a ClientHello. `bulk`: full-size data and acknowledgements behind the handshake, until
// one packet in ten is selected.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "agent/source/file/capture_file.h"
#include "flow/selection.h"

using namespace handprint;

namespace {

constexpr std::size_t ethernet = 14;
constexpr std::size_t segment_bytes = 1448;

struct Piece {
  std::vector<uint8_t> frame;
  bool from_client = false;
};
struct Template {
  std::vector<Piece> pieces;
  std::size_t selected = 0;
};

std::mt19937_64 generator(20261123);

void randomise(uint8_t* at, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) at[i] = static_cast<uint8_t>(generator());
}

// Gives the key shares of an extension block new keys; groups and lengths stay.
void vary_key_shares(uint8_t* at, std::size_t size, bool client) {
  std::size_t i = client ? 2 : 0;
  while (i + 4 <= size) {
    const std::size_t length = load_u16(at + i + 2);
    if (i + 4 + length > size) return;
    randomise(at + i + 4, length);
    i += 4 + length;
  }
}

// A ClientHello or ServerHello at the start of a TCP payload gets a Random, a session id, key shares
// and a server name of its own. `session` is shared by both hellos of a connection.
void vary_hello(uint8_t* payload, std::size_t size, uint64_t session, uint64_t number) {
  if (size < 44 || payload[0] != 22 || (payload[5] != 1 && payload[5] != 2)) return;
  const bool client = payload[5] == 1;
  randomise(payload + 11, 32);
  std::size_t at = 43;
  const std::size_t id = payload[at++];
  if (at + id > size) return;
  for (std::size_t i = 0; i < id; ++i)
    payload[at + i] = static_cast<uint8_t>((session >> (i % 8 * 8)) + i * 37);
  at += id;
  if (client) {
    if (at + 2 > size) return;
    at += 2u + load_u16(payload + at);
    if (at + 1 > size) return;
    at += 1u + payload[at];
  } else {
    at += 3;
  }
  at += 2;
  while (at + 4 <= size) {
    const uint16_t type = load_u16(payload + at);
    const std::size_t length = load_u16(payload + at + 2);
    at += 4;
    if (at + length > size) return;
    if (type == 51 && !(length == 2 && !client)) vary_key_shares(payload + at, length, client);
    if (type == 0 && client && length > 9) {
      // As many letters of the first label as there are; the name keeps its length.
      uint64_t rest = number;
      for (std::size_t i = 5; i < length && payload[at + i] != '.'; ++i) {
        payload[at + i] = static_cast<uint8_t>('a' + rest % 26);
        rest /= 26;
      }
    }
    at += length;
  }
}

void put16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
void put32(uint8_t* at, uint32_t value) {
  put16(at, static_cast<uint16_t>(value >> 16));
  put16(at + 2, static_cast<uint16_t>(value));
}
uint32_t get32(const uint8_t* at) { return uint32_t{load_u16(at)} << 16 | load_u16(at + 2); }

void checksum(uint8_t* ip, std::size_t size) {
  put16(ip + 10, 0);
  uint32_t sum = 0;
  for (std::size_t i = 0; i < size; i += 2) sum += load_u16(ip + i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  put16(ip + 10, static_cast<uint16_t>(~sum));
}

struct Connection {
  const Template* shape = nullptr;
  std::size_t next = 0;
  uint64_t number = 0;
  uint32_t client = 0, server = 0, client_shift = 0, server_shift = 0;
  uint16_t port = 0;
  uint64_t session = 0;
};

// The next packet of a connection, made its own.
std::vector<uint8_t> packet_of(Connection& connection) {
  const Piece& piece = connection.shape->pieces[connection.next++];
  std::vector<uint8_t> frame = piece.frame;
  uint8_t* ip = frame.data() + ethernet;
  const std::size_t ip_size = (ip[0] & 15) * 4u;
  uint8_t* tcp = ip + ip_size;
  const bool out = piece.from_client;
  put32(ip + 12, out ? connection.client : connection.server);
  put32(ip + 16, out ? connection.server : connection.client);
  put16(tcp + (out ? 0 : 2), connection.port);
  put32(tcp + 4, get32(tcp + 4) + (out ? connection.client_shift : connection.server_shift));
  if ((tcp[13] & 0x10) != 0)
    put32(tcp + 8, get32(tcp + 8) + (out ? connection.server_shift : connection.client_shift));
  checksum(ip, ip_size);
  const std::size_t header = ethernet + ip_size + (tcp[12] >> 4) * 4u;
  if (frame.size() > header)
    vary_hello(frame.data() + header, frame.size() - header, connection.session, connection.number);
  return frame;
}

// Data from the server and acknowledgements behind the last packet, until `wanted` packets stand.
void add_bulk(Template& shape, std::size_t wanted) {
  const Piece* data = nullptr;
  const Piece* ack = nullptr;
  for (const Piece& piece : shape.pieces) {
    const uint8_t* ip = piece.frame.data() + ethernet;
    const uint8_t* tcp = ip + (ip[0] & 15) * 4u;
    const std::size_t header = ethernet + (ip[0] & 15) * 4u + (tcp[12] >> 4) * 4u;
    if (!piece.from_client && piece.frame.size() > header) data = &piece;
    if (piece.from_client && (tcp[13] & 0x17) == 0x10) ack = &piece;
  }
  if (data == nullptr || ack == nullptr) return;
  Piece segment = *data, answer = *ack;
  const std::size_t ip_size = (segment.frame[ethernet] & 15) * 4u;
  const std::size_t tcp_at = ethernet + ip_size;
  const std::size_t header = tcp_at + (segment.frame[tcp_at + 12] >> 4) * 4u;
  uint32_t sequence = get32(segment.frame.data() + tcp_at + 4) + static_cast<uint32_t>(segment.frame.size() - header);
  segment.frame.resize(header + segment_bytes);
  randomise(segment.frame.data() + header, segment_bytes);
  put16(segment.frame.data() + ethernet + 2, static_cast<uint16_t>(segment.frame.size() - ethernet));
  segment.frame[tcp_at + 13] = 0x10;
  const std::size_t answer_header =
      ethernet + (answer.frame[ethernet] & 15) * 4u +
      (answer.frame[ethernet + (answer.frame[ethernet] & 15) * 4u + 12] >> 4) * 4u;
  answer.frame.resize(answer_header);
  put16(answer.frame.data() + ethernet + 2, static_cast<uint16_t>(answer_header - ethernet));
  while (shape.pieces.size() < wanted) {
    for (int i = 0; i < 2; ++i) {
      put32(segment.frame.data() + tcp_at + 4, sequence);
      sequence += segment_bytes;
      shape.pieces.push_back(segment);
    }
    put32(answer.frame.data() + ethernet + (answer.frame[ethernet] & 15) * 4u + 8, sequence);
    shape.pieces.push_back(answer);
  }
}

// The connections of a capture that begin with a SYN, Ethernet and IPv4.
std::vector<Template> templates_of(const std::string& path, bool bulk) {
  std::vector<Template> out;
  auto file = CaptureFile::open(path);
  if (!file) {
    std::fprintf(stderr, "make_capture: %s\n", file.error().text().c_str());
    std::exit(1);
  }
  using Key = std::tuple<Address, uint16_t, Address, uint16_t>;
  std::map<Key, std::size_t> known;
  Selection selection(file_policy(HP_MODE_HELLO), 0);
  std::vector<Frame> frames(64);
  while (const std::size_t count = (*file)->read(frames)) {
    for (std::size_t i = 0; i < count; ++i) {
      const Frame& frame = frames[i];
      Packet packet;
      if (frame.link != link_type::ethernet ||
          decode_packet(frame.link, frame.bytes, frame.original_length, packet) != Reason::ok ||
          !packet.is_tcp() || packet.ip_version != 4 || packet.vlan_count != 0 || packet.truncated())
        continue;
      hp_decision decision;
      const bool selected = selection.select(packet, frame.time, 0, decision);
      const Key forward{packet.source, packet.source_port, packet.destination, packet.destination_port};
      const Key backward{packet.destination, packet.destination_port, packet.source, packet.source_port};
      auto found = known.find(forward);
      const bool from_client = found != known.end() || packet.is_syn();
      if (packet.is_syn() && found == known.end()) {
        known[forward] = out.size();
        out.emplace_back();
        found = known.find(forward);
      }
      if (found == known.end()) found = known.find(backward);
      if (found == known.end() || packet.has(tcp_flag::fin) || packet.has(tcp_flag::rst)) continue;
      Template& shape = out[found->second];
      if (!bulk && shape.pieces.size() >= 8) continue;
      shape.pieces.push_back({{frame.bytes.begin(), frame.bytes.end()}, from_client});
      shape.selected += selected;
    }
  }
  std::erase_if(out, [](const Template& shape) { return shape.pieces.size() < 6; });
  if (bulk)
    for (Template& shape : out) add_bulk(shape, shape.selected * 10);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5 || (std::strcmp(argv[1], "hello") != 0 && std::strcmp(argv[1], "bulk") != 0)) {
    std::fprintf(stderr, "usage: make_capture hello|bulk PACKETS OUT.pcap TEMPLATE.pcap…\n");
    return 2;
  }
  const bool bulk = argv[1][0] == 'b';
  const std::size_t wanted = std::strtoull(argv[2], nullptr, 10);
  std::vector<Template> shapes;
  for (int i = 4; i < argc; ++i)
    for (Template& shape : templates_of(argv[i], bulk)) shapes.push_back(std::move(shape));
  if (shapes.empty()) {
    std::fprintf(stderr, "make_capture: no connection in the templates\n");
    return 1;
  }
  std::FILE* out = std::fopen(argv[3], "wb");
  if (out == nullptr) {
    std::perror(argv[3]);
    return 1;
  }
  const uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, link_type::ethernet};
  std::fwrite(header, sizeof(header), 1, out);
  std::vector<Connection> open(64);
  uint64_t connections = 0;
  for (std::size_t written = 0; written < wanted; ++written) {
    Connection& connection = open[written % open.size()];
    if (connection.shape == nullptr || connection.next == connection.shape->pieces.size()) {
      const uint64_t n = connections++;
      connection = {};
      connection.shape = &shapes[n % shapes.size()];
      connection.number = n;
      connection.client = 0x0a000000u + static_cast<uint32_t>(n * 2654435761u % 0xffffffu);
      connection.server = 0xcb007100u + static_cast<uint32_t>(n % 4093);
      connection.port = static_cast<uint16_t>(1024 + n * 40503u % 60000);
      connection.client_shift = static_cast<uint32_t>(generator());
      connection.server_shift = static_cast<uint32_t>(generator());
      connection.session = generator();
    }
    const std::vector<uint8_t> frame = packet_of(connection);
    const uint64_t micros = written * 10;
    const auto size = static_cast<uint32_t>(frame.size());
    const uint32_t record[4] = {1'790'000'000u + static_cast<uint32_t>(micros / 1'000'000),
                                static_cast<uint32_t>(micros % 1'000'000), size, size};
    std::fwrite(record, sizeof(record), 1, out);
    std::fwrite(frame.data(), 1, frame.size(), out);
  }
  if (std::fclose(out) != 0) {
    std::perror(argv[3]);
    return 1;
  }
  std::printf("%zu packets, %llu connections, %zu templates\n", wanted,
              static_cast<unsigned long long>(connections), shapes.size());
  return 0;
}
