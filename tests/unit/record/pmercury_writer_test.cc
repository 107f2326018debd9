// SPDX-License-Identifier: Apache-2.0
#include "record/pmercury_writer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "tests/unit/record/sample_document.h"

namespace handprint {
namespace {

using Json = nlohmann::ordered_json;

std::vector<Json> records(const SampleDocument& sample, PmercuryShape shape) {
  std::string out;
  write_pmercury(sample.document, sample.context, shape, out);
  std::vector<Json> found;
  for (size_t at = 0; at < out.size();) {
    const size_t end = out.find('\n', at);
    EXPECT_NE(end, std::string::npos);
    found.push_back(Json::parse(out.substr(at, end - at)));
    at = end + 1;
  }
  return found;
}

std::string keys(const Json& object) {
  std::string out;
  for (const auto& [key, value] : object.items()) out += (out.empty() ? "" : " ") + key;
  return out;
}

class PmercuryWriter : public ::testing::Test {
 protected:
  PmercuryWriter() {
    sample.from_file();
    sample.document.first = 1565099151'145498000;
    for (Observation& each : sample.observations) each.time = sample.document.first;
  }
  SampleDocument sample;
};

TEST_F(PmercuryWriter, GivesARecordForEachOfItsKinds) {
  const std::vector<Json> found = records(sample, {});
  ASSERT_EQ(found.size(), 4u) << "tcp, tcp_server, tls, tls_server; not p0f, ja3, ja4";
  EXPECT_EQ(keys(found[0]), "src_ip dst_ip src_port dst_port protocol event_start fingerprints");
  EXPECT_EQ(found[0]["src_port"], sample.document.client.port);
  EXPECT_EQ(found[1]["src_port"], 443) << "a server's fingerprint comes from the server";
  EXPECT_EQ(keys(found[2]),
            "src_ip dst_ip src_port dst_port protocol event_start fingerprints tls");
  EXPECT_EQ(found[2]["tls"]["server_name"], "test.example");
  EXPECT_EQ(found[2]["protocol"], 6);
  EXPECT_EQ(keys(found[3]["fingerprints"]), "tls_server");
}

TEST_F(PmercuryWriter, WritesTimesAsPythonDoes) {
  const auto start_of = [&](PacketTime time) {
    for (Observation& each : sample.observations) each.time = time;
    std::string out;
    write_pmercury(sample.document, sample.context, {}, out);
    const size_t at = out.find("\"event_start\":") + 14;
    return out.substr(at, out.find(',', at) - at);
  };
  EXPECT_EQ(start_of(1565099151'145498000), "1565099151.145498");
  EXPECT_EQ(start_of(1567613032'704770000), "1567613032.70477");
  EXPECT_EQ(start_of(1567613032'000000999), "1567613032.0");
  EXPECT_EQ(start_of(1567613032'000001000), "1567613032.000001");
}

TEST_F(PmercuryWriter, ShowsPartsOnDemand) {
  const std::vector<Json> found = records(sample, {true, false, false});
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[2]["readable"]["tls"]["version"], "TLS 1.2");
  EXPECT_EQ(found[2]["readable"]["tls"]["cipher_suites"][0], "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(found[3]["readable"]["tls_server"]["selected_cipher_suite"], "TLS_AES_256_GCM_SHA384");
}

TEST_F(PmercuryWriter, GroupsByFlow) {
  sample.observations.back().time += 2'000'000;
  for (Observation& each : sample.observations)
    if (each.kind == Kind::tls_server) each.time += 1'000'000;
  const std::vector<Json> found = records(sample, {true, true, false});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(keys(found[0]),
            "src_ip dst_ip src_port dst_port protocol event_start event_end fingerprints tls");
  ASSERT_EQ(found[0]["fingerprints"].size(), 4u);
  EXPECT_EQ(keys(found[0]["fingerprints"][2]), "event_start tls readable");
  EXPECT_DOUBLE_EQ(found[0]["event_end"].get<double>(), 1565099151.146498)
      << "of the last of its kinds, not of JA3S behind it";
}

TEST_F(PmercuryWriter, ShowsSshOnlyAsAnExperiment) {
  const std::string_view ssh =
      "(5353482d322e302d78)(61)(7373682d727361)()()()()(6e6f6e65)(6e6f6e65)()()";
  sample.observations.clear();
  sample.observe(Side::server, Kind::ssh_server, ssh);
  EXPECT_TRUE(records(sample, {}).empty());
  EXPECT_TRUE(records(sample, {false, true, false}).empty()) << "nor a flow without fingerprints";
  const std::vector<Json> found = records(sample, {true, false, true});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["fingerprints"]["ssh"], ssh);
  EXPECT_EQ(found[0]["readable"]["ssh"]["s_host_key_algos"], Json({"ssh-rsa"}));
}

}  // namespace
}  // namespace handprint
