// SPDX-License-Identifier: Apache-2.0
#include "record/tls_names.h"

#include <gtest/gtest.h>

namespace handprint {
namespace {

TEST(TlsNames, GivesRegisteredCipherSuites) {
  EXPECT_EQ(tls_cipher_name(0x0000), "TLS_NULL_WITH_NULL_NULL");
  EXPECT_EQ(tls_cipher_name(0x1301), "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(tls_cipher_name(0xc02f), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  EXPECT_EQ(tls_cipher_name(0xcca8), "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256");
  EXPECT_EQ(tls_cipher_name(0xd005), "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256");
  EXPECT_EQ(tls_cipher_name(0x00ff), "TLS_EMPTY_RENEGOTIATION_INFO_SCSV");
}

TEST(TlsNames, SaysNothingOfNumbersWithoutAName) {
  EXPECT_EQ(tls_cipher_name(0xffff), "");
  EXPECT_EQ(tls_group_name(0x0000), "");
  EXPECT_EQ(tls_alert_name(255), "");
  EXPECT_EQ(tls_version_name(0x0305).version, "");
}

TEST(TlsNames, KnowsGrease) {
  EXPECT_EQ(tls_cipher_name(0x0a0a), "GREASE");
  EXPECT_EQ(tls_group_name(0xfafa), "GREASE");
}

TEST(TlsNames, GivesGroupsAndTellsThePostQuantumOnes) {
  EXPECT_EQ(tls_group_name(0x001d), "x25519");
  EXPECT_EQ(tls_group_name(0x11ec), "X25519MLKEM768");
  EXPECT_EQ(tls_group_name(0x6399), "X25519Kyber768Draft00");
  EXPECT_TRUE(tls_group_is_post_quantum(0x11ec));
  EXPECT_TRUE(tls_group_is_post_quantum(0x0201));
  EXPECT_TRUE(tls_group_is_post_quantum(0x6399));
  EXPECT_FALSE(tls_group_is_post_quantum(0x001d));
  EXPECT_FALSE(tls_group_is_post_quantum(0));
}

TEST(TlsNames, TellsVersionsAndTheirProtocol) {
  EXPECT_EQ(tls_version_name(0x0304).version, "1.3");
  EXPECT_EQ(tls_version_name(0x0304).protocol, "tls");
  EXPECT_EQ(tls_version_name(0x0300).protocol, "ssl");
  EXPECT_EQ(tls_version_name(0xfefd).protocol, "dtls");
  EXPECT_EQ(tls_version_name(0xfefd).version, "1.2");
  EXPECT_EQ(tls_version_name(0x7f1c).version, "1.3");
}

TEST(TlsNames, GivesAlerts) {
  EXPECT_EQ(tls_alert_name(40), "handshake_failure");
  EXPECT_EQ(tls_alert_name(121), "ech_required");
}

}  // namespace
}  // namespace handprint
