// SPDX-License-Identifier: Apache-2.0
// The search for the end of a header block and of a banner, against a byte-by-byte reading.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "bpf/scan.h"

namespace {

// Where the first LF LF or LF CR LF ends, 0 if nowhere.
size_t plain_end(const std::string& text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] != '\n') continue;
    if (text[i - 1] == '\n') return i + 1;
    if (i >= 2 && text[i - 1] == '\r' && text[i - 2] == '\n') return i + 1;
  }
  return 0;
}

uint32_t scan(const std::string& piece, uint8_t& line_end) {
  std::string buffer = piece;
  buffer.resize((buffer.size() + 15) & ~size_t{7}, '\n');
  return hp_scan_headers(reinterpret_cast<const uint8_t*>(buffer.data()),
                         static_cast<uint32_t>(piece.size()), &line_end, HP_MAX_COPY);
}

TEST(Scan, EndIsFoundAtEveryPlace) {
  for (const std::string end : {"\r\n\r\n", "\n\n", "\n\r\n"})
    for (size_t before = 0; before < 40; ++before) {
      const std::string text = std::string(before, 'h') + end + std::string(30, 'b');
      uint8_t line_end = 0;
      EXPECT_EQ(scan(text, line_end), before + end.size()) << before;
    }
}

TEST(Scan, EndIsFoundAcrossEverySplit) {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nbody of the request";
  const size_t end = plain_end(text);
  for (size_t split = 0; split <= text.size(); ++split) {
    uint8_t line_end = 0;
    const uint32_t first = scan(text.substr(0, split), line_end);
    if (split >= end) {
      EXPECT_EQ(first, end);
      continue;
    }
    EXPECT_EQ(first, 0u);
    EXPECT_EQ(split + scan(text.substr(split), line_end), end) << split;
  }
}

TEST(Scan, RandomTextInRandomPiecesAgreesWithAPlainReading) {
  std::mt19937 random(20240611);
  const std::string alphabet = "\r\n\r\nab\x8d\x8a";
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 60, 'x');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    const size_t end = plain_end(text);
    uint8_t line_end = 0;
    size_t at = 0, found = 0;
    while (at < text.size() && !found) {
      const size_t length = 1 + random() % 20;
      const std::string piece = text.substr(at, length);
      if (const uint32_t here = scan(piece, line_end)) found = at + here;
      at += piece.size();
    }
    ASSERT_EQ(found, end) << "round " << round;
  }
}

TEST(Scan, LongHeadersAreReadToTheLastWord) {
  for (size_t length : {1000u, 8000u, 8184u, 8188u}) {
    uint8_t line_end = 0;
    EXPECT_EQ(scan(std::string(length, 'h') + "\r\n\r\n", line_end), length + 4);
  }
}

TEST(Scan, BannerEndsAtItsLineFeed) {
  for (size_t before = 0; before < 255; ++before) {
    const std::string text = std::string(before, 's') + "\nrest of it";
    std::string buffer = text;
    buffer.resize((buffer.size() + 15) & ~size_t{7});
    EXPECT_EQ(hp_scan_banner(reinterpret_cast<const uint8_t*>(buffer.data()),
                             static_cast<uint32_t>(text.size())),
              before + 1);
  }
}

TEST(Scan, ALineFeedBehindTheLengthDoesNotCount) {
  const std::string buffer = "SSH-2.0-x\n......";
  EXPECT_EQ(hp_scan_banner(reinterpret_cast<const uint8_t*>(buffer.data()), 9), 0u);
}

TEST(Scan, ChecksumSeesEveryByteAndNoneBehindTheEnd) {
  std::string buffer(64, 'a');
  const auto* bytes = reinterpret_cast<const uint8_t*>(buffer.data());
  for (uint32_t length = 1; length <= 40; ++length) {
    const uint32_t sum = hp_checksum(bytes, length);
    for (uint32_t i = 0; i < 64; ++i) {
      buffer[i] ^= 1;
      EXPECT_EQ(hp_checksum(bytes, length) == sum, i >= length) << length << " " << i;
      buffer[i] ^= 1;
    }
  }
}

}  // namespace
