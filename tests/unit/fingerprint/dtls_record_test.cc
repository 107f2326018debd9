// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/dtls_record.h"

#include <gtest/gtest.h>

#include "dtls_builder.h"

namespace handprint::test {
namespace {

// "1#0:0+5/9 …" for type, message, offset, size and length; the reason at the end.
std::string fragments(const Buffer& datagram) {
  DtlsFragmentReader reader(datagram);
  DtlsFragment fragment;
  std::string out;
  Reason reason;
  while ((reason = reader.next(fragment)) == Reason::ok)
    out += std::to_string(fragment.type) + "#" + std::to_string(fragment.message) + ":" +
           std::to_string(fragment.offset) + "+" + std::to_string(fragment.data.size()) + "/" +
           std::to_string(fragment.length) + (fragment.whole() ? "! " : " ");
  EXPECT_EQ(reader.next(fragment), reason) << "it answers the same again";
  return out + std::string(name(reason));
}

const Buffer body(9, 5);

TEST(DtlsFragments, AreGivenOneByOne) {
  EXPECT_EQ(fragments({}), "end-of-stream");
  EXPECT_EQ(fragments(dtls_record(22, dtls_message(1, 0, body))), "1#0:0+9/9! end-of-stream");
  const Buffer two = Builder().raw(dtls_fragment(1, 3, body, 5, 9)).raw(dtls_fragment(1, 3, body, 0, 5));
  EXPECT_EQ(fragments(dtls_record(22, two)), "1#3:5+4/9 1#3:0+5/9 end-of-stream") << "in one record";
  EXPECT_EQ(fragments(Builder()
                          .raw(dtls_record(21, hex("0100")))
                          .raw(dtls_record(22, dtls_message(2, 1, body), 0xfefd))
                          .raw(dtls_record(20, hex("01")))
                          .raw(dtls_record(22, dtls_message(20, 2, body), 0xfefd, 1))),
            "2#1:0+9/9! encrypted");
}

TEST(DtlsFragments, KnowTheirVersions) {
  for (unsigned version : {0xfeffu, 0xfefdu, 0xfefcu, 0x0100u})
    EXPECT_EQ(fragments(dtls_record(22, dtls_message(1, 0, body), version)), "1#0:0+9/9! end-of-stream");
  EXPECT_EQ(fragments(dtls_record(22, dtls_message(1, 0, body), 0x0303)), "malformed-dtls");
  EXPECT_EQ(fragments(hex("2f 0001 02")), "encrypted") << "DTLS 1.3's unified header";
}

TEST(DtlsFragments, ReadNothingFromAPrefix) {
  const Buffer datagram = dtls_record(22, dtls_message(1, 0, body));
  for (size_t n = 1; n < datagram.size(); ++n) EXPECT_EQ(fragments(prefix(datagram, n)), "malformed-dtls") << n;
}

TEST(DtlsFragments, LieWithinTheirMessage) {
  EXPECT_EQ(fragments(dtls_record(22, hex("01 000004 0000 000002 000003 aabbcc"))), "malformed-dtls");
  EXPECT_EQ(fragments(dtls_record(22, hex("01 000004 0000 000005 000000"))), "malformed-dtls");
  EXPECT_EQ(fragments(dtls_record(22, hex("01 000004 0000 000002"))), "malformed-dtls");
  EXPECT_EQ(fragments(dtls_record(99, body)), "malformed-dtls");
}

TEST(DtlsFragments, TellAlerts) {
  const Buffer datagram = dtls_record(21, hex("0228"));
  DtlsFragmentReader reader(datagram);
  DtlsFragment fragment;
  EXPECT_EQ(reader.next(fragment), Reason::end_of_stream);
  EXPECT_EQ(reader.alert_level(), 2);
  EXPECT_EQ(reader.alert_description(), 40);
}

}  // namespace
}  // namespace handprint::test
