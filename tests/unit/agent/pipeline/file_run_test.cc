// SPDX-License-Identifier: Apache-2.0
// Captures through the whole of `handprint read`, in this process.
#include "agent/pipeline/file_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "flow/selection.h"

namespace handprint {
namespace {

const std::string captures = HP_SOURCE "/tests/captures/";

class MemorySink : public Sink {
 public:
  MemorySink(std::string& text, Rendering rendering, int error = 0)
      : text_(text), rendering_(rendering), error_(error) {}
  std::string_view name() const override { return "memory"; }
  Rendering rendering() const override { return rendering_; }
  Written write(std::string_view text) override {
    if (error_ != 0) return {0, error_};
    text_ += text;
    return {text.size(), 0};
  }

 private:
  std::string& text_;
  Rendering rendering_;
  int error_;
};

struct Outcome {
  FileRunResult result;
  std::string text;
  std::vector<std::string> errors;
  std::vector<nlohmann::json> records() const {
    std::vector<nlohmann::json> out;
    std::stringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  }
  std::multiset<std::string> ids() const {
    std::multiset<std::string> out;
    for (const auto& record : records())
      out.insert(record["event"]["id"].get<std::string>() + "/" +
                 std::to_string(record["handprint"]["part"].get<int>()));
    return out;
  }
};

Outcome run(const std::vector<std::string>& files, Rendering rendering = Rendering::json, int error = 0,
            FileRunOptions options = {}) {
  Outcome out;
  options.files = files;
  options.policy = file_policy();
  std::vector<std::unique_ptr<Sink>> sinks;
  sinks.push_back(std::make_unique<MemorySink>(out.text, rendering, error));
  Identity identity;
  identity.agent_id = "00000000-0000-4000-8000-000000000000";
  identity.agent_name = identity.host_name = "test";
  FileRunEvents events;
  events.damaged = [&](const Error& damage) { out.errors.push_back(damage.text()); };
  const std::atomic<bool> stop{false};
  out.result = run_files(options, identity, std::move(sinks), events, stop);
  return out;
}

TEST(FileRun, WritesARecordForEachConnection) {
  const Outcome out = run({captures + "quick-start.pcap"});
  EXPECT_FALSE(out.result.failed);
  EXPECT_EQ(out.result.packets, 178u);
  const auto records = out.records();
  EXPECT_EQ(records.size(), out.result.documents);
  std::set<std::string> names, ids;
  for (const auto& record : records) {
    ids.insert(record["event"]["id"]);
    EXPECT_EQ(record["handprint"]["sensor"], "pcap-player-quick-start.pcap");
    if (record.contains("tls")) names.insert(record["tls"]["client"]["server_name"]);
  }
  EXPECT_EQ(ids.size(), out.result.flows);
  EXPECT_EQ(names, (std::set<std::string>{"test.example"}));
}

TEST(FileRun, GivesTheSameRecordsForTheSameBytesCompressed) {
  const Outcome plain = run({captures + "curl.pcap"}), packed = run({captures + "curl.pcap.gz"});
  EXPECT_EQ(plain.ids(), packed.ids());
  ASSERT_EQ(plain.records().size(), 1u);
}

TEST(FileRun, IsTheSameEveryTime) {
  EXPECT_EQ(run({captures + "quick-start.pcap"}).text, run({captures + "quick-start.pcap"}).text);
}

TEST(FileRun, GoesOnAfterAFileThatIsNone) {
  const Outcome out = run({"/nonexistent/a.pcap", captures + "README.md", captures + "curl.pcap"});
  EXPECT_TRUE(out.result.failed);
  ASSERT_EQ(out.errors.size(), 2u);
  EXPECT_NE(out.errors[0].find("/nonexistent/a.pcap"), std::string::npos);
  EXPECT_NE(out.errors[1].find("README.md: not a capture file"), std::string::npos);
  EXPECT_EQ(out.records().size(), 1u);
}

TEST(FileRun, DecryptsWithAKeyLog) {
  FileRunOptions options;
  options.key_log = captures + "decrypt.pcap.keys";
  const Outcome out = run({captures + "decrypt.pcap"}, Rendering::json_all, 0, options);
  EXPECT_FALSE(out.result.failed);
  EXPECT_EQ(out.result.decryption.opened, 3u);
  std::multiset<std::string> seen;
  for (const auto& record : out.records()) {
    if (!record.contains("http")) continue;
    seen.insert(record["http"]["version"].get<std::string>() + " " + record["url"]["original"].get<std::string>() + " " +
                std::to_string(record["http"]["response"]["status_code"].get<int>()));
  }
  EXPECT_EQ(seen, (std::multiset<std::string>{"2 /one 200", "2 /two 200", "1.1 /three 200", "1.1 /four 200"}));
  // No secret is told to anybody.
  std::ifstream keys(options.key_log);
  for (std::string label, random, secret; keys >> label >> random >> secret;)
    EXPECT_EQ(out.text.find(secret), std::string::npos);
}

TEST(FileRun, TellsOfAKeyLogThatIsNone) {
  FileRunOptions options;
  options.key_log = "/nonexistent/keys";
  Outcome out = run({captures + "curl.pcap"}, Rendering::json, 0, options);
  EXPECT_TRUE(out.result.failed);
  ASSERT_EQ(out.errors.size(), 1u);
  EXPECT_NE(out.errors[0].find("/nonexistent/keys: cannot read the key log"), std::string::npos);
  EXPECT_EQ(out.records().size(), 1u);
  options.key_log = captures + "README.md";
  out = run({captures + "curl.pcap"}, Rendering::json, 0, options);
  EXPECT_TRUE(out.result.failed);
  ASSERT_EQ(out.errors.size(), 1u);
  EXPECT_NE(out.errors[0].find("README.md: no secret of TLS"), std::string::npos) << out.errors[0];
  EXPECT_EQ(out.records().size(), 1u);
}

TEST(FileRun, WritesWhatStandsBeforeTheDamage) {
  std::ifstream in(captures + "quick-start.pcap", std::ios::binary);
  std::stringstream whole;
  whole << in.rdbuf();
  const std::string path = ::testing::TempDir() + "handprint-cut.pcap";
  std::ofstream(path, std::ios::binary) << whole.str().substr(0, whole.str().size() / 2);
  FileRunOptions options;
  options.sensor = "same";
  const Outcome cut = run({path}, Rendering::json, 0, options);
  std::remove(path.c_str());
  EXPECT_TRUE(cut.result.failed);
  ASSERT_EQ(cut.errors.size(), 1u);
  EXPECT_NE(cut.errors[0].find("the file ends inside packet"), std::string::npos) << cut.errors[0];
  EXPECT_GT(cut.result.documents, 3u);
  // The first connections are told as from the whole file.
  const auto all = run({captures + "quick-start.pcap"}).ids();
  const auto first = cut.records().front();
  EXPECT_EQ(all.count(first["event"]["id"].get<std::string>() + "/1"), 1u);
}

TEST(FileRun, ReadsMixedLinkTypesAndNamesInterfaces) {
  const Outcome out = run({captures + "mixed-links.pcapng"}, Rendering::json_all);
  EXPECT_FALSE(out.result.failed);
  for (const Reason reason : {Reason::unsupported_link_type, Reason::malformed_link, Reason::malformed_ip})
    EXPECT_EQ(out.result.undecoded[static_cast<std::size_t>(reason)], 0u) << name(reason);
  // Each packet stands in the file twice, by Ethernet and by Linux cooked capture: selected twice,
  // recorded once.
  EXPECT_EQ(out.result.flows, 1u);
  EXPECT_GE(out.result.selected, 8u);
  const auto records = out.records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_FALSE(records[0]["observer"]["ingress"]["interface"]["name"].get<std::string>().empty());
}

TEST(FileRun, EndsQuietlyWhenNobodyReadsAndFailsWhenTheDiskIsFull) {
  const Outcome closed = run({captures + "quick-start.pcap"}, Rendering::json, EPIPE);
  EXPECT_TRUE(closed.result.closed);
  EXPECT_FALSE(closed.result.failed);
  const Outcome full = run({captures + "quick-start.pcap"}, Rendering::json, ENOSPC);
  EXPECT_TRUE(full.result.failed);
}

TEST(FileRun, LosesNothingWithTheSmallestQueue) {
  FileRunOptions options;
  options.queue_bytes = 1;
  options.flow_bytes = 1u << 20;
  const Outcome small = run({captures + "quick-start.pcap"}, Rendering::json, 0, options);
  EXPECT_EQ(small.ids(), run({captures + "quick-start.pcap"}).ids());
  EXPECT_EQ(small.result.documents_dropped, 0u);
}

}  // namespace
}  // namespace handprint
