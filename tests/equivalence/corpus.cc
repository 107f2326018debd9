// SPDX-License-Identifier: Apache-2.0
#include "corpus.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "fingerprint/link.h"

namespace handprint::test {
namespace {

// What IP needs in front of it to be an Ethernet frame; anything else gets a type that nobody
// parses.
void reframe(Bytes network, std::vector<uint8_t>& frame) {
  frame.assign({2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5});
  if (!network.empty() && network[0] >> 4 == 4) frame[12] = 0x08, frame[13] = 0x00;
  if (!network.empty() && network[0] >> 4 == 6) frame[12] = 0x86, frame[13] = 0xdd;
  frame.insert(frame.end(), network.begin(), network.end());
}

}  // namespace

std::vector<std::string> captures_under(const std::vector<std::string>& folders) {
  std::vector<std::string> paths;
  for (const std::string& folder : folders) {
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (!it->is_regular_file()) continue;
      for (const char* suffix : {".pcap", ".pcapng", ".mcap", ".pcap.gz", ".cap"})
        if (name.ends_with(suffix)) {
          paths.push_back(it->path().string());
          break;
        }
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool read_capture(const std::string& path, std::string& error,
                  const std::function<void(CorpusPacket&)>& taker) {
  auto opened = CaptureFile::open(path);
  if (!opened) {
    error = opened.error().message;
    return false;
  }
  CaptureFile& file = **opened;
  std::array<handprint::Frame, 64> frames;
  CorpusPacket out;
  for (size_t count = file.read(frames); count != 0; count = file.read(frames))
    for (size_t i = 0; i < count; ++i) {
      const handprint::Frame& frame = frames[i];
      out.time = frame.time;
      out.decoded =
          decode_packet(frame.link, frame.bytes, frame.original_length, out.packet) == Reason::ok &&
          (out.packet.is_tcp() || out.packet.is_udp());
      LinkHeader link;
      const Reason reason = decode_link(frame.link, frame.bytes, link);
      if (out.decoded) {
        const uint8_t* transport = out.packet.payload.data() - out.packet.transport_header_length;
        const uint8_t* network = transport - out.packet.ip_header_length;
        const auto offset = static_cast<size_t>(network - frame.bytes.data());
        // A frame that a host could have seen is shown as it is, tags and padding included.
        reframe({network, static_cast<size_t>(out.packet.payload.data() +
                                              out.packet.payload.size() - network)},
                out.untagged);
        if (frame.link == link_type::ethernet && out.packet.tunnel == Tunnel::none &&
            offset == 14u + 4u * out.packet.vlan_count)
          out.ethernet.assign(frame.bytes.begin(), frame.bytes.end());
        else
          out.ethernet = out.untagged;
      } else {
        reframe(reason == Reason::ok ? link.network : frame.bytes, out.ethernet);
        if (reason != Reason::ok) out.ethernet[12] = 0x88, out.ethernet[13] = 0xb5;
        out.untagged = out.ethernet;
      }
      taker(out);
    }
  return true;
}

}  // namespace handprint::test
