// SPDX-License-Identifier: Apache-2.0
#include "agent/source/file/capture_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "tests/unit/agent/file/capture_builder.h"

namespace handprint {
namespace {

using test::CaptureBuilder;

constexpr uint32_t micro = 0xa1b2c3d4, nano = 0xa1b23c4d, modified = 0xa1b2cd34;

struct Read {
  std::vector<Frame> frames;
  std::vector<std::string> bytes;
  std::string error;   // of open, or the damage
  bool opened = false;
  std::array<uint8_t, 16> identity{};
  std::vector<std::string> interfaces;
};

void drain(CaptureFile& file, Read& out, std::size_t batch) {
  out.opened = true;
  out.identity = file.identity();
  file.tell_interfaces([&](std::string_view name) { out.interfaces.emplace_back(name); });
  std::vector<Frame> frames(batch);
  while (const std::size_t count = file.read(frames)) {
    for (std::size_t i = 0; i < count; ++i) {
      out.frames.push_back(frames[i]);
      out.bytes.emplace_back(as_text(frames[i].bytes));
    }
  }
  if (const Error* error = file.damage()) out.error = error->text();
}

Read read(Bytes bytes, std::size_t batch = 7) {
  Read out;
  auto file = CaptureFile::open(bytes, "test.pcap");
  if (!file) {
    out.error = file.error().text();
    return out;
  }
  drain(**file, out, batch);
  return out;
}

Read read(const CaptureBuilder& builder) { return read(builder.bytes()); }

Read read_path(const std::string& path) {
  Read out;
  auto file = CaptureFile::open(path);
  if (!file) {
    out.error = file.error().text();
    return out;
  }
  drain(**file, out, 256);
  return out;
}

std::string gzip(Bytes bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(bytes.size() + 1000, '\0');
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) {
    char name[] = "/tmp/handprint-test-XXXXXX";
    const int file = ::mkstemp(name);
    path_ = name;
    EXPECT_EQ(::write(file, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    ::close(file);
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(CaptureFile, ReadsPcapInBothByteOrdersAndResolutions) {
  for (const bool big : {false, true}) {
    for (const uint32_t magic : {micro, nano}) {
      CaptureBuilder in(big);
      in.pcap_header(magic, 113).pcap_packet(1000, 999, "abcd").pcap_packet(1001, 0, "", 60);
      const Read out = read(in);
      EXPECT_EQ(out.error, "");
      ASSERT_EQ(out.frames.size(), 2u);
      EXPECT_EQ(out.frames[0].time, 1'000'000'000'000 + (magic == nano ? 999 : 999'000));
      EXPECT_EQ(out.bytes[0], "abcd");
      EXPECT_EQ(out.frames[0].link, 113u);
      EXPECT_EQ(out.frames[0].original_length, 4u);
      EXPECT_EQ(out.frames[1].original_length, 60u);
    }
  }
}

TEST(CaptureFile, ReadsModifiedPcapWhosePacketHeadersAreLonger) {
  CaptureBuilder in;
  in.pcap_header(modified, 1).u32(7).u32(5).u32(3).u32(3).u32(2).u16(8).u8(0).u8(0).text("xyz");
  const Read out = read(in);
  EXPECT_EQ(out.error, "");
  ASSERT_EQ(out.frames.size(), 1u);
  EXPECT_EQ(out.bytes[0], "xyz");
}

TEST(CaptureFile, SwapsTheLengthsOfOldPcapAndIgnoresTheCheckSequenceBits) {
  CaptureBuilder in;
  in.pcap_header(micro, 0x14000001, 2, 2).u32(7).u32(5).u32(60).u32(3).text("xyz");
  const Read out = read(in);
  EXPECT_EQ(out.error, "");
  ASSERT_EQ(out.frames.size(), 1u);
  EXPECT_EQ(out.bytes[0], "xyz");
  EXPECT_EQ(out.frames[0].original_length, 60u);
  EXPECT_EQ(out.frames[0].link, 1u);
}

TEST(CaptureFile, ReadsAPcapWithoutPackets) {
  CaptureBuilder in;
  const Read out = read(in.pcap_header(micro, 1));
  EXPECT_TRUE(out.opened);
  EXPECT_EQ(out.error, "");
  EXPECT_TRUE(out.frames.empty());
}

TEST(CaptureFile, ReadsPcapngOfSeveralInterfacesAndSections) {
  for (const bool big : {false, true}) {
    CaptureBuilder in(big);
    in.section().interface(1, "eth0").interface(113, "any").enhanced(1, 5'000'000, "cooked");
    in.block(0x0bad, in.part().text("whatever")).enhanced(0, 6'000'000, "ether");
    in.section().interface(1, "eth0").interface(101, "tun0").enhanced(1, 7'000'000, "raw");
    const Read out = read(in);
    EXPECT_EQ(out.error, "");
    ASSERT_EQ(out.frames.size(), 3u);
    EXPECT_EQ(out.frames[0].link, 113u);
    EXPECT_EQ(out.frames[0].time, 5'000'000'000);
    EXPECT_EQ(out.bytes[0], "cooked");
    EXPECT_EQ(out.frames[1].link, 1u);
    EXPECT_EQ(out.frames[1].interface, 0u);
    EXPECT_EQ(out.frames[2].link, 101u);
    EXPECT_EQ(out.frames[2].interface, 2u);
    EXPECT_EQ(out.interfaces, (std::vector<std::string>{"eth0", "any", "tun0"}));
  }
}

TEST(CaptureFile, ReadsSectionsOfDifferentByteOrder) {
  CaptureBuilder little, big(true);
  little.section().interface(1).enhanced(0, 1'000'000, "little");
  big.section().interface(1).enhanced(0, 2'000'000, "big");
  little.raw().insert(little.raw().end(), big.bytes().begin(), big.bytes().end());
  const Read out = read(little);
  EXPECT_EQ(out.error, "");
  ASSERT_EQ(out.frames.size(), 2u);
  EXPECT_EQ(out.frames[1].time, 2'000'000'000);
  EXPECT_EQ(out.bytes[1], "big");
}

struct ClockCase {
  int resolution;
  uint64_t stamp;
  int64_t offset;
  int64_t expected;
};

TEST(CaptureFile, ReadsTimesOfAnyResolution) {
  const ClockCase cases[] = {
      {-1, 1'500'000, 0, 1'500'000'000},
      {0, 12, 0, 12'000'000'000},
      {3, 12, 0, 12'000'000},
      {9, 1'234'567'890'123, 0, 1'234'567'890'123},
      {12, 5'000, 0, 5},
      {0x80 | 1, 3, 0, 1'500'000'000},
      {0x80 | 32, (7ULL << 32) | 0x80000000, 0, 7'500'000'000},
      {6, 1'000'000, 100, 101'000'000'000},
      {6, 5'000'000, -2, 3'000'000'000},
      {0, UINT64_MAX, 0, INT64_MAX},  // beyond what can be told
  };
  for (const bool big : {false, true}) {
    for (const ClockCase& test : cases) {
      CaptureBuilder in(big);
      in.section().interface(1, "", test.resolution, test.offset).enhanced(0, test.stamp, "x");
      const Read out = read(in);
      ASSERT_EQ(out.frames.size(), 1u) << out.error;
      EXPECT_EQ(out.frames[0].time, test.expected) << "resolution " << test.resolution;
    }
  }
}

TEST(CaptureFile, ReadsSimpleAndObsoletePackets) {
  CaptureBuilder in;
  in.section().interface(1, "", -1, 0, 4).enhanced(0, 9'000'000, "first");
  in.block(3, in.part().u32(8).text("simp"));  // cut to the snap length
  in.block(2, in.part().u16(0).u16(0).u32(0).u32(10'000'000).u32(3).u32(60).text("old").pad());
  const Read out = read(in);
  EXPECT_EQ(out.error, "");
  ASSERT_EQ(out.frames.size(), 3u);
  EXPECT_EQ(out.bytes[1], "simp");
  EXPECT_EQ(out.frames[1].original_length, 8u);
  EXPECT_EQ(out.frames[1].time, 9'000'000'000);
  EXPECT_EQ(out.bytes[2], "old");
  EXPECT_EQ(out.frames[2].original_length, 60u);
  EXPECT_EQ(out.frames[2].time, 10'000'000'000);
}

struct ErrorCase {
  std::string what;
  CaptureBuilder in;
  std::size_t frames;
  std::string message;
};

std::vector<ErrorCase> error_cases() {
  std::vector<ErrorCase> out;
  const auto add = [&](std::string what, CaptureBuilder in, std::size_t frames, std::string message) {
    out.push_back({std::move(what), std::move(in), frames, std::move(message)});
  };
  add("empty", CaptureBuilder(), 0, "the file is empty");
  add("two bytes", CaptureBuilder().u16(7), 0, "holds only 2 bytes");
  add("text", CaptureBuilder().text("hello world"), 0, "neither pcap nor pcapng");
  add("zstd", CaptureBuilder().text("\x28\xb5\x2f\xfd   "), 0, "zstd");
  add("cut file header", CaptureBuilder().u32(micro).u32(0), 0, "24 bytes, this file only 8");
  add("pcap version", CaptureBuilder().pcap_header(micro, 1, 543, 0), 0, "version 543.0");
  add("huge packet", CaptureBuilder().pcap_header(micro, 1).pcap_packet(1, 1, "ok").u32(1).u32(1).u32(0x7fffffff).u32(1),
      1, "offset 42: packet 2 claims 2147483647 bytes");
  add("cut packet header", CaptureBuilder().pcap_header(micro, 1).pcap_packet(1, 1, "ok").u32(1), 1,
      "inside the header of packet 2");
  add("cut packet", CaptureBuilder().pcap_header(micro, 1).pcap_packet(1, 1, "ok").u32(1).u32(1).u32(9).u32(9).text("123"),
      1, "offset 42: the file ends inside packet 2, 19 bytes behind its start");
  add("byte order mark", CaptureBuilder().u32(0x0a0d0d0a).u32(28).u32(5).u32(0), 0, "byte-order mark");
  add("pcapng version", CaptureBuilder().block(0x0a0d0d0a, CaptureBuilder().u32(0x1a2b3c4d).u16(9).u16(1).u64(0)), 0,
      "version 9.1");
  add("unknown interface", CaptureBuilder().section().interface(1).enhanced(0, 1, "ok").enhanced(3, 1, "x"), 1,
      "packet 2 belongs to interface 3, of which the section has 1");
  add("length behind", [] {
    CaptureBuilder in;
    in.section().interface(1).enhanced(0, 1, "ok").enhanced(0, 1, "x");
    in.raw()[in.size() - 4] ^= 4;
    return in;
  }(), 1, "ends with another length");
  add("odd length", CaptureBuilder().section().u32(5).u32(13).text("0123456789"), 0, "length of 13 bytes");
  add("small length", CaptureBuilder().section().u32(5).u32(8).text("0123456789"), 0, "length of 8 bytes");
  add("captured more than the block",
      CaptureBuilder().section().interface(1).block(
          6, CaptureBuilder().u32(0).u32(0).u32(0).u32(500).u32(500).text("abcd")),
      0, "claims 500 bytes, its block has room for 4");
  add("short packet block", CaptureBuilder().section().interface(1).block(6, CaptureBuilder().u32(0)), 0,
      "too short");
  add("short interface", CaptureBuilder().section().block(1, CaptureBuilder().u32(1)), 0,
      "interface description of 4 bytes");
  add("huge packet block", CaptureBuilder().section().interface(1).enhanced(0, 1, "ok").u32(6).u32(0x7ffffffc).u32(0),
      1, "more than any frame has");
  add("simple packet before interfaces", CaptureBuilder().section().block(3, CaptureBuilder().u32(1).text("a").pad()),
      0, "before any interface");
  add("secrets that claim more than their block", CaptureBuilder().section().interface(1).enhanced(0, 1, "ok")
          .block(10, CaptureBuilder().u32(0x544c534b).u32(99).text("abcd")), 1, "a block of secrets claims 99 bytes");
  add("unknown block beyond the end", CaptureBuilder().section().interface(1).enhanced(0, 1, "ok").u32(77).u32(0xfffffffc).u32(0),
      1, "inside a block of type 77");
  return out;
}

// Secrets for whoever asks: those that were read before, and those that come with later packets.
TEST(CaptureFile, TellsTheSecretsThatStandInIt) {
  for (const bool big : {false, true}) {
    CaptureBuilder in(big);
    const auto secrets = [&](uint32_t kind, std::string_view text) {
      return in.part().u32(kind).u32(static_cast<uint32_t>(text.size())).text(text).pad();
    };
    in.section().block(10, secrets(0x544c534b, "CLIENT_RANDOM 1")).interface(1, "eth0");
    in.block(10, secrets(0x57474b4c, "WireGuard's")).enhanced(0, 1'000'000, "one");
    in.block(10, secrets(0x544c534b, "CLIENT_RANDOM 22")).enhanced(0, 2'000'000, "two");
    auto file = CaptureFile::open(in.bytes(), "test.pcapng");
    ASSERT_TRUE(file.ok());
    std::string told;
    (*file)->tell_secrets([&](Bytes text) { told += std::string(as_text(text)) + "|"; });
    EXPECT_EQ(told, "CLIENT_RANDOM 1\n|");
    std::array<Frame, 8> frames;
    std::size_t count = 0;
    while (const std::size_t n = (*file)->read(frames)) count += n;
    EXPECT_EQ(count, 2u);
    EXPECT_EQ(told, "CLIENT_RANDOM 1\n|CLIENT_RANDOM 22|");
    EXPECT_EQ((*file)->damage(), nullptr);
  }
}

TEST(CaptureFile, NamesDamageAndDeliversWhatStandsBeforeIt) {
  for (const ErrorCase& test : error_cases()) {
    const Read out = read(test.in);
    EXPECT_EQ(out.frames.size(), test.frames) << test.what;
    EXPECT_NE(out.error.find(test.message), std::string::npos) << test.what << ": " << out.error;
    EXPECT_EQ(out.error.rfind("test.pcap: ", 0), 0u) << test.what << ": " << out.error;
  }
}

TEST(CaptureFile, ReadsGzipOfOneAndSeveralMembers) {
  CaptureBuilder in;
  in.pcap_header(micro, 1).pcap_packet(1, 1, "one").pcap_packet(2, 2, "two");
  const Read plain = read(in);
  const std::string whole = gzip(in.bytes());
  const std::string halves = gzip(in.bytes().first(30)) + gzip(in.bytes().subspan(30)) + std::string(64, '\0');
  for (const std::string& packed : {whole, halves}) {
    const Read out = read(as_bytes(packed));
    EXPECT_EQ(out.error, "");
    EXPECT_EQ(out.bytes, plain.bytes);
    EXPECT_EQ(out.identity, plain.identity);
  }
}

TEST(CaptureFile, TellsDamagedAndCutGzip) {
  CaptureBuilder in;
  in.pcap_header(micro, 1);
  std::mt19937 random(1);
  for (uint32_t i = 0; i < 500; ++i) {
    std::string frame(200, '\0');
    for (char& byte : frame) byte = static_cast<char>(random());
    in.pcap_packet(i, 0, frame);
  }
  const std::string packed = gzip(in.bytes());
  const Read cut = read(as_bytes(std::string_view(packed).substr(0, packed.size() / 2)));
  EXPECT_GT(cut.frames.size(), 100u);
  EXPECT_LT(cut.frames.size(), 400u);
  EXPECT_NE(cut.error.find("ends too early"), std::string::npos) << cut.error;
  std::string damaged = packed;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 0x55);  // the checksum
  const Read bad = read(as_bytes(damaged));
  EXPECT_NE(bad.error.find("damaged"), std::string::npos) << bad.error;
}

TEST(CaptureFile, ReadsTheSameByFilePipeAndBatchOfAnySize) {
  CaptureBuilder in;
  in.pcap_header(micro, 1);
  std::string large(200'000, 'x');
  for (uint32_t i = 0; i < 100; ++i) {
    in.pcap_packet(i, i, "packet " + std::to_string(i));
    in.pcap_packet(i, i, large);
  }
  const Read memory = read(in);
  ASSERT_EQ(memory.frames.size(), 200u);
  const TemporaryFile file(as_text(in.bytes()));
  const Read mapped = read_path(file.path());
  EXPECT_EQ(mapped.bytes, memory.bytes);
  EXPECT_EQ(mapped.identity, memory.identity);
  for (const std::size_t batch : {std::size_t{1}, std::size_t{3}, std::size_t{256}}) EXPECT_EQ(read(in.bytes(), batch).bytes, memory.bytes);

  const std::string fifo = file.path() + ".fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  std::thread writer([&] {
    const int to = ::open(fifo.c_str(), O_WRONLY);
    Bytes left = in.bytes();
    while (!left.empty()) {
      const ssize_t n = ::write(to, left.data(), std::min<std::size_t>(left.size(), 70'001));
      if (n <= 0) break;
      left = left.subspan(static_cast<std::size_t>(n));
    }
    ::close(to);
  });
  const Read piped = read_path(fifo);
  writer.join();
  ::unlink(fifo.c_str());
  EXPECT_EQ(piped.error, "");
  EXPECT_EQ(piped.bytes, memory.bytes);
  EXPECT_EQ(piped.identity, memory.identity);
}

TEST(CaptureFile, KeepsTheIdentityWhenTheFileIsConvertedOrCut) {
  CaptureBuilder pcap, cut, pcapng, other;
  pcap.pcap_header(micro, 1).pcap_packet(5, 6, "first").pcap_packet(7, 0, "second");
  cut.pcap_header(micro, 1).pcap_packet(5, 6, "first");
  pcapng.section().interface(1).enhanced(0, 5'000'006, "first");
  other.pcap_header(micro, 1).pcap_packet(5, 7, "first");
  EXPECT_EQ(read(pcap).identity, read(cut).identity);
  EXPECT_EQ(read(pcap).identity, read(pcapng).identity);
  EXPECT_NE(read(pcap).identity, read(other).identity);
}

TEST(CaptureFile, NamesWhatIsNoFile) {
  EXPECT_NE(read_path("/nonexistent/x.pcap").error.find("/nonexistent/x.pcap: cannot be opened: No such file"),
            std::string::npos);
  EXPECT_NE(read_path("/tmp").error.find("is a directory"), std::string::npos);
  const TemporaryFile empty("");
  EXPECT_EQ(read_path(empty.path()).error, empty.path() + ": the file is empty");
}

TEST(CaptureFile, SurvivesAFileThatIsCutWhileItIsRead) {
  CaptureBuilder in;
  in.pcap_header(micro, 1);
  const std::string frame(4000, 'f');
  for (uint32_t i = 0; i < 4000; ++i) in.pcap_packet(i, 0, frame);
  const TemporaryFile path(as_text(in.bytes()));
  auto file = CaptureFile::open(path.path());
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(::truncate(path.path().c_str(), 100), 0);
  std::vector<Frame> frames(256);
  std::size_t total = 0, sum = 0;
  while (const std::size_t count = (*file)->read(frames)) {
    total += count;
    for (std::size_t i = 0; i < count; ++i)
      for (uint8_t byte : frames[i].bytes) sum += byte;
  }
  ASSERT_NE((*file)->damage(), nullptr);
  EXPECT_NE((*file)->damage()->text().find("shorter"), std::string::npos) << (*file)->damage()->text();
  EXPECT_LT(total, 4000u);
  EXPECT_GE(sum, 0u);
}

// Every prefix, and every byte of the file changed in turn: ends, with frames inside the file.
TEST(CaptureFile, EndsOnEveryPrefixAndEveryChangedByte) {
  std::vector<CaptureBuilder> files(2);
  files[0].pcap_header(micro, 1).pcap_packet(1, 1, "some frame").pcap_packet(2, 2, "another frame of it");
  files[1].section().interface(1, "eth0", 9, 5).enhanced(0, 1, "frame").block(
      3, CaptureBuilder().u32(4).text("simp"));
  for (CaptureBuilder& file : files) {
    const std::size_t whole = read(file).frames.size();
    for (std::size_t size = 0; size < file.size(); ++size) {
      // Of its own allocation, so that a sanitizer sees a read behind the end.
      const std::vector<uint8_t> prefix(file.bytes().begin(), file.bytes().begin() + static_cast<long>(size));
      const Read out = read(Bytes(prefix));
      EXPECT_LE(out.frames.size(), whole);
    }
    for (std::size_t at = 0; at < file.size(); ++at) {
      for (const uint8_t change : {uint8_t{0x01}, uint8_t{0x80}, uint8_t{0xff}}) {
        std::vector<uint8_t> changed(file.bytes().begin(), file.bytes().end());
        changed[at] = static_cast<uint8_t>(changed[at] ^ change);
        const Read out = read(Bytes(changed));
        for (const std::string& frame : out.bytes) EXPECT_LE(frame.size(), changed.size());
      }
    }
  }
}

}  // namespace
}  // namespace handprint
