// SPDX-License-Identifier: Apache-2.0
// libpcap as the judge: on every capture that it can read, our reader gives the same packets.
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "agent/source/file/capture_file.h"

namespace handprint {
namespace {

std::vector<std::string> captures() {
  std::vector<std::string> out;
  const auto add = [&](const std::filesystem::path& root) {
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root, error)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file() && name.find(".pcap") != std::string::npos &&
          name.find(".gz") == std::string::npos)
        out.push_back(entry.path().string());
    }
  };
  add(HP_SOURCE "/tests/captures");
  const char* corpus = std::getenv("HP_CORPUS");
  add(corpus != nullptr && *corpus != '\0' ? corpus : HP_SOURCE "/../shared/corpus");
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Libpcap, AgreesOnEveryCapture) {
  std::size_t compared = 0, packets = 0;
  for (const std::string& path : captures()) {
    char message[PCAP_ERRBUF_SIZE];
    pcap_t* judge = pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, message);
    auto ours = CaptureFile::open(path);
    if (judge == nullptr) continue;
    ASSERT_TRUE(ours.ok()) << ours.error().text();
    std::vector<Frame> frames(64);
    std::size_t have = 0, at = 0, number = 0;
    bool mixed = false;
    for (;;) {
      pcap_pkthdr* header = nullptr;
      const u_char* data = nullptr;
      const int status = pcap_next_ex(judge, &header, &data);
      if (at == have) {
        have = (*ours)->read(frames);
        at = 0;
      }
      if (status != 1) {
        // libpcap refuses a second link type, and time stamps and lengths that we let pass.
        mixed = status == -1;
        break;
      }
      ASSERT_LT(at, have) << path << ": packet " << number + 1 << " is missing: "
                          << ((*ours)->damage() != nullptr ? (*ours)->damage()->text() : "");
      const Frame& frame = frames[at++];
      ++number;
      ASSERT_EQ(frame.bytes.size(), header->caplen) << path << " packet " << number;
      ASSERT_EQ(frame.original_length, std::max(header->len, header->caplen)) << path << " packet " << number;
      ASSERT_EQ(std::memcmp(frame.bytes.data(), data, header->caplen), 0) << path << " packet " << number;
      // libpcap reads seconds beyond 2038 as negative ones; the format counts them without a sign.
      const int64_t seconds = header->ts.tv_sec < 0 ? static_cast<uint32_t>(header->ts.tv_sec)
                                                    : header->ts.tv_sec;
      ASSERT_EQ(frame.time, seconds * 1'000'000'000 + header->ts.tv_usec)
          << path << " packet " << number;
    }
    if (!mixed) {
      EXPECT_EQ(at, have) << path << ": we read more packets than libpcap";
    }
    pcap_close(judge);
    ++compared;
    packets += number;
  }
  EXPECT_GE(compared, 15u) << "captures were not found";
  RecordProperty("captures", static_cast<int>(compared));
  std::printf("%zu captures, %zu packets compared\n", compared, packets);
}

}  // namespace
}  // namespace handprint
