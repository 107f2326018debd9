// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/kind.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "fingerprint/protocol.h"
#include "fingerprint/reason.h"

namespace handprint {
namespace {

TEST(Kinds, HaveEachTheirOwnNameAndPlace) {
  std::set<std::string_view> names, paths;
  for (const KindRow& kind : kinds) {
    EXPECT_TRUE(names.insert(kind.name).second) << kind.name;
    EXPECT_TRUE(paths.insert(kind.record_path).second) << kind.record_path;
    EXPECT_EQ(find_kind(kind.name), &kind);
    EXPECT_EQ(&row(kind.kind), &kind) << "the enumeration and the table have one order";
  }
  EXPECT_EQ(find_kind("nothing"), nullptr);
}

TEST(Kinds, StandWhereTheRecordPromises) {
  EXPECT_EQ(row(Kind::ja3).record_path, "tls.client.ja3");
  EXPECT_EQ(row(Kind::ja4).record_path, "tls.client.ja4");
  EXPECT_EQ(row(Kind::ja3s).record_path, "tls.server.ja3s");
  EXPECT_EQ(row(Kind::tcp).record_path, "handprint.fingerprint.tcp");
  EXPECT_EQ(row(Kind::http_server).pmercury_name, "http_server");
}

TEST(Kinds, RawStringsAreShownOnlyOnRequest) {
  for (const char* name : {"ja3_string", "ja3s_string", "ja4_r", "ja4_o", "ja4_ro", "ja4_stable", "mercury_tls_2"})
    EXPECT_EQ(find_kind(name)->shown, Shown::all) << name;
  for (const char* name : {"tcp", "tls", "http", "ja3", "ja3s", "ja4", "p0f", "muonfp"})
    EXPECT_EQ(find_kind(name)->shown, Shown::always) << name;
}

TEST(Reasons, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < reason_count; ++i)
    EXPECT_TRUE(names.insert(name(static_cast<Reason>(i))).second) << i;
  EXPECT_EQ(name(Reason::need_more), "need-more");
  EXPECT_EQ(name(static_cast<Reason>(250)), "unknown");
}

TEST(Protocols, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < protocol_count; ++i)
    EXPECT_TRUE(names.insert(name(static_cast<Protocol>(i))).second) << i;
  EXPECT_EQ(label(Protocol::postgresql), "PostgreSQL");
}

}  // namespace
}  // namespace handprint
