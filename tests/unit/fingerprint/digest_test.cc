// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/digest.h"

#include <gtest/gtest.h>

#include "builder.h"

namespace handprint::test {
namespace {

std::string md5_of(std::string_view text) {
  Digests digests;
  Md5 digest;
  EXPECT_TRUE(digests.md5(as_bytes(text), digest));
  return written([&](Text& out) {
    out.hex(Bytes(digest));
    return Reason::ok;
  });
}
std::string sha256_of(std::string_view text) {
  Digests digests;
  Sha256 digest;
  EXPECT_TRUE(digests.sha256(as_bytes(text), digest));
  return written([&](Text& out) {
    out.hex(Bytes(digest));
    return Reason::ok;
  });
}

TEST(Digests, AreTheKnownOnes) {
  EXPECT_TRUE(Digests().available());
  // RFC 1321 appendix A.5
  EXPECT_EQ(md5_of(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5_of("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  // FIPS 180-4 examples
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digests, TakeTextsOfManyBlocks) {
  EXPECT_EQ(md5_of(std::string(1000, 'a')), "cabe45dcc9ae5b66ba86600cca6b8ba8");
}

// RFC 4231 test cases 1, 2 and 6 (a key longer than a block).
TEST(Digests, ComputeHmac) {
  const auto hmac = [](const Buffer& key, const Buffer& data) {
    Sha256 out{};
    EXPECT_TRUE(workspace().digests.hmac_sha256(key, data, out));
    return Buffer(out.begin(), out.end());
  };
  EXPECT_EQ(hmac(Buffer(20, 0x0b), Builder().text("Hi There")),
            hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
  EXPECT_EQ(hmac(Builder().text("Jefe"), Builder().text("what do ya want for nothing?")),
            hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  EXPECT_EQ(hmac(Buffer(131, 0xaa), Builder().text("Test Using Larger Than Block-Size Key - Hash Key First")),
            hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
}

}  // namespace
}  // namespace handprint::test
