// SPDX-License-Identifier: Apache-2.0
#include "record/readable_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace handprint {
namespace {

TEST(ReadableText, WritesJson) {
  const auto found = read_fingerprint("(0303)(c02f002f)((0000)(000a00040002001d))");
  ASSERT_TRUE(found);
  std::string out = "before ";
  write_readable_json(*found, out);
  EXPECT_EQ(
      out,
      "before {\"kind\":\"tls\",\"parts\":{\"version\":\"TLS 1.2\",\"cipher_suites\":["
      "\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\",\"TLS_RSA_WITH_AES_128_CBC_SHA\"],\"extensions\":["
      "{\"server_name\":\"\"},{\"supported_groups\":{\"supported_groups_list_length\":2,"
      "\"supported_groups\":[\"x25519\"]}}]},\"min_implementation_date\":\"2002-06\","
      "\"max_implementation_date\":\"2008-08\",\"named\":6,\"unknown\":0}");
}

TEST(ReadableText, WritesValidJsonOfAnyBytes) {
  const auto found = read_fingerprint("(474554)(485454502f312e31)(413a20ff1b22005c)");
  ASSERT_TRUE(found);
  std::string out;
  write_readable_json(found->parts, out);
  EXPECT_TRUE(nlohmann::json::accept(out)) << out;
}

TEST(ReadableText, WritesLinesThatCannotSteerATerminal) {
  const auto found = read_fingerprint("(474554)(485454502f312e31)(413a201b5b316d)");
  ASSERT_TRUE(found);
  std::string out;
  write_readable_lines(*found, out);
  EXPECT_EQ(out, "kind: http\nmethod: GET\nversion: HTTP/1.1\nA: \\x1b[1m\n");
}

TEST(ReadableText, IndentsLists) {
  std::string out;
  write_readable_lines(*read_fingerprint("(0303)(1301002f)((001000050003026832)(0017))"), out);
  EXPECT_EQ(out,
            "kind: tls\nversion: TLS 1.2\ncipher_suites:\n  TLS_AES_128_GCM_SHA256\n"
            "  TLS_RSA_WITH_AES_128_CBC_SHA\nextensions:\n  "
            "application_layer_protocol_negotiation:\n    h2\n"
            "  extended_master_secret\nmin_implementation_date: 2002-06\nmax_implementation_date: "
            "2018-08\n");
}

}  // namespace
}  // namespace handprint
