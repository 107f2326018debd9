// SPDX-License-Identifier: Apache-2.0
// Certificates, beside what libcrypto says of the same bytes: it makes them here.
#include "fingerprint/certificate.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <string>

#include "builder.h"
#include "fingerprint/object_identifier.h"
#include "fingerprint/pmercury_certificate.h"
#include "openssl_pointer.h"

namespace handprint::test {
namespace {

OpensslKey rsa(unsigned bits) { return OpensslKey(EVP_RSA_gen(bits)); }
OpensslKey curve(const char* name) { return OpensslKey(EVP_EC_gen(name)); }
OpensslKey ed25519() { return OpensslKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

struct Wish {
  const char* names = "DNS:example.org,DNS:*.example.org,IP:192.0.2.7,IP:2001:db8::1,email:a@example.org,"
                      "URI:https://example.org/x,otherName:1.2.3;UTF8:unseen";
  bool authority = false;
  const char* not_after = "20491231235959Z";
  const char* not_before = "20240229010203Z";
};

void add(X509_NAME* name, const char* field, int type, std::string_view text) {
  ASSERT_EQ(X509_NAME_add_entry_by_txt(name, field, type,
                                       reinterpret_cast<const unsigned char*>(text.data()),
                                       static_cast<int>(text.size()), -1, 0),
            1);
}

void extend(X509* certificate, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Buffer make(EVP_PKEY* key, const Wish& wish = {}, const EVP_MD* digest = EVP_sha256()) {
  const OpensslCertificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), 0x80000000000000ffULL);
  ASN1_TIME_set_string(X509_getm_notBefore(certificate.get()), wish.not_before);
  ASN1_TIME_set_string(X509_getm_notAfter(certificate.get()), wish.not_after);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  add(subject, "C", MBSTRING_UTF8, "DE");
  add(subject, "O", MBSTRING_UTF8, "Straße, \"1\"");
  add(subject, "CN", MBSTRING_UTF8, " example.org");
  X509_NAME* issuer = X509_get_issuer_name(certificate.get());
  add(issuer, "O", V_ASN1_BMPSTRING, std::string_view("\0F\0\xe9", 4));
  add(issuer, "CN", MBSTRING_UTF8, "the issuer");
  X509_set_pubkey(certificate.get(), key);
  if (wish.names != nullptr) extend(certificate.get(), NID_subject_alt_name, wish.names);
  if (wish.authority) extend(certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  EXPECT_NE(X509_sign(certificate.get(), key, digest), 0);
  Buffer der(static_cast<size_t>(i2d_X509(certificate.get(), nullptr)));
  unsigned char* at = der.data();
  i2d_X509(certificate.get(), &at);
  return der;
}

template <class Write>
std::string text_of(Write&& write) {
  std::array<char, 8192> room;
  Text out(room);
  write(out);
  return std::string(out.view());
}
std::string name_of(Bytes identifier) { return std::string(object_identifier_name(identifier)); }

TEST(Certificates, ACertificateSaysWhoItIsForAndForHowLong) {
  const OpensslKey key = rsa(2048);
  const Buffer der = make(key.get());
  Certificate c;
  ASSERT_EQ(parse_certificate(der, c), Reason::ok);
  EXPECT_EQ(c.version, 3);
  EXPECT_EQ(text_of([&](Text& out) { out.hex(c.serial); }), "80000000000000ff");
  EXPECT_EQ(name_of(c.signature_algorithm), "sha256WithRSAEncryption");
  EXPECT_EQ(text_of([&](Text& out) { write_name(c.subject, out); }),
            "CN=\\ example.org,O=Straße\\, \\\"1\\\",C=DE");
  EXPECT_EQ(text_of([&](Text& out) { write_name(c.issuer, out); }), "CN=the issuer,O=F\u00e9");
  EXPECT_EQ(text_of([&](Text& out) { c.not_before.write(out, 'T'); }), "2024-02-29T01:02:03");
  EXPECT_EQ(c.not_before.unix_seconds(), 1709168523);
  EXPECT_EQ(text_of([&](Text& out) { c.not_after.write(out, ' '); }), "2049-12-31 23:59:59");
  EXPECT_EQ(c.key_bits, 2048u);
  EXPECT_EQ(text_of([&](Text& out) { out.hex(c.rsa_exponent); }), "010001");
  EXPECT_FALSE(c.authority);
  EXPECT_FALSE(c.self_issued());
  std::string names;
  std::array<char, 256> room;
  Text name(room);
  for (AlternativeNames in(c.alternative_names); in.next(name);) names += std::string(name.view()) + " ";
  EXPECT_EQ(names,
            "example.org *.example.org 192.0.2.7 2001:db8::1 a@example.org https://example.org/x ");
}

TEST(Certificates, YearsFrom2050OnAreWrittenOtherwiseAndReadAlike) {
  const OpensslKey key = curve("P-256");
  const Buffer der = make(key.get(), {.names = nullptr, .authority = true, .not_after = "20500101000000Z"});
  Certificate c;
  ASSERT_EQ(parse_certificate(der, c), Reason::ok);
  EXPECT_EQ(c.not_after.unix_seconds(), 2524608000);
  EXPECT_TRUE(c.authority);
  // Two digits of a year are of 1950 to 2049.
  const Buffer old = make(key.get(), {.not_before = "500101000000Z"});
  ASSERT_EQ(parse_certificate(old, c), Reason::ok);
  EXPECT_EQ(c.not_before.unix_seconds(), -631152000);
}

TEST(Certificates, KeysOfEveryKind) {
  const struct {
    OpensslKey key;
    const EVP_MD* digest;
    const char *algorithm, *named;
    uint32_t bits;
  } rows[] = {{rsa(1024), EVP_sha1(), "rsaEncryption", "", 1024},
              {curve("P-256"), EVP_sha256(), "id-ecPublicKey", "secp256r1", 256},
              {curve("P-384"), EVP_sha384(), "id-ecPublicKey", "secp384r1", 384},
              {curve("P-521"), EVP_sha512(), "id-ecPublicKey", "secp521r1", 521},
              {ed25519(), nullptr, "ed25519", "", 255}};
  for (const auto& row : rows) {
    const Buffer der = make(row.key.get(), {}, row.digest);
    Certificate c;
    ASSERT_EQ(parse_certificate(der, c), Reason::ok) << row.algorithm;
    EXPECT_EQ(name_of(c.key_algorithm), row.algorithm);
    EXPECT_EQ(name_of(c.key_curve), row.named);
    EXPECT_EQ(c.key_bits, row.bits);
  }
}

TEST(Certificates, AttributesOfOneSetStandTogether) {
  const OpensslPointer<X509_NAME, X509_NAME_free> name(X509_NAME_new());
  add(name.get(), "C", MBSTRING_UTF8, "DE");
  const auto join = [&](const char* field, const char* text) {
    X509_NAME_add_entry_by_txt(name.get(), field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text), -1,
                               -1, -1);
  };
  add(name.get(), "OU", MBSTRING_UTF8, "one");
  join("CN", "two");
  add(name.get(), "L", MBSTRING_UTF8, "three");
  Buffer der(static_cast<size_t>(i2d_X509_NAME(name.get(), nullptr)));
  unsigned char* at = der.data();
  i2d_X509_NAME(name.get(), &at);
  const Bytes names = DerReader(der).value(der::sequence);
  const std::string text = text_of([&](Text& out) { write_name(names, out); });
  // DER orders a set by its encoding.
  EXPECT_TRUE(text == "L=three,CN=two+OU=one,C=DE" || text == "L=three,OU=one+CN=two,C=DE") << text;
}

TEST(Certificates, PmercurysStringHasEachPartInItsForm) {
  const OpensslKey key = curve("P-256");
  const Buffer der = make(key.get());
  Certificate c;
  ASSERT_EQ(parse_certificate(der, c), Reason::ok);
  const auto leaf = [](std::string_view text) {
    return "(" + text_of([&](Text& out) { out.hex(text); }) + ")";
  };
  std::array<char, 4096> room;
  Text out(room);
  ASSERT_EQ(write_pmercury_certificate(c, out), Reason::ok);
  EXPECT_EQ(out.view(),
            "(80000000000000ff)" + leaf("ecdsa-with-SHA256") + "((" + leaf("organizationName") +
                leaf("F\u00e9") + ")(" + leaf("commonName") + leaf("the issuer") + "))" +
                leaf("2024-02-29 01:02:03") + leaf("2049-12-31 23:59:59") + "((" + leaf("countryName") +
                leaf("DE") + ")(" + leaf("organizationName") + leaf("Straße, \"1\"") + ")(" +
                leaf("commonName") + leaf(" example.org") + "))(" + leaf("ECPublicKey") + leaf("0100") +
                leaf("secp256r1") + ")((" + leaf("subjectAltName") + "))");
  // Too little room gives no string, at any size.
  for (size_t size = 0; size < out.size(); ++size) {
    Text small(std::span<char>(room).first(size));
    EXPECT_NE(write_pmercury_certificate(c, small), Reason::ok);
  }
}

TEST(Certificates, WhatIsCutAnywhereIsMalformed) {
  const OpensslKey key = rsa(1024);
  const Buffer der = make(key.get());
  Certificate c;
  for (size_t size = 0; size < der.size(); ++size)
    EXPECT_EQ(parse_certificate(Bytes(der).first(size), c), Reason::malformed_certificate) << size;
}

TEST(Certificates, AnyByteMayBeAnything) {
  const OpensslKey key = curve("P-256");
  const Buffer der = make(key.get());
  std::array<char, 16384> room;
  for (size_t at = 0; at < der.size(); ++at) {
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      Buffer other = der;
      other[at] = static_cast<uint8_t>(other[at] ^ flip);
      Certificate c;
      if (parse_certificate(other, c) != Reason::ok) continue;
      Text out(room);
      write_pmercury_certificate(c, out);
      write_name(c.subject, out);
      for (AlternativeNames in(c.alternative_names); in.next(out);) EXPECT_LE(out.size(), der.size());
    }
  }
}

TEST(Certificates, MessagesOfBothForms) {
  const Buffer old = Builder().with_u24(
      Builder().with_u24(Buffer{1, 2}).with_u24(Buffer{3}));
  Bytes der;
  CertificateMessage in(old, false);
  ASSERT_TRUE(in.next(der));
  EXPECT_EQ(Buffer(der.begin(), der.end()), (Buffer{1, 2}));
  ASSERT_TRUE(in.next(der));
  EXPECT_FALSE(in.next(der));
  EXPECT_FALSE(in.failed());
  const Buffer tls13 = Builder().with_u8(Buffer{9, 9}).with_u24(
      Builder().with_u24(Buffer{1, 2}).with_u16(Buffer{5}).with_u24(Buffer{3}).with_u16({}));
  CertificateMessage in13(tls13, true);
  ASSERT_TRUE(in13.next(der));
  ASSERT_TRUE(in13.next(der));
  EXPECT_EQ(Buffer(der.begin(), der.end()), (Buffer{3}));
  EXPECT_FALSE(in13.next(der));
  EXPECT_FALSE(in13.failed());
  // A second certificate that is longer than the list.
  const Buffer longer = Builder().with_u24(Builder().with_u24(Buffer{1, 2}).u24(9).u8(1));
  CertificateMessage cut(longer, false);
  ASSERT_TRUE(cut.next(der));
  EXPECT_FALSE(cut.next(der));
  EXPECT_TRUE(cut.failed());
}

TEST(ObjectIdentifiers, AreWrittenAndNamed) {
  const Buffer rsa_sha256 = Builder().hex("2a 86 48 86 f7 0d 01 01 0b");
  EXPECT_EQ(text_of([&](Text& out) { write_object_identifier(rsa_sha256, out); }),
            "1.2.840.113549.1.1.11");
  EXPECT_TRUE(object_identifier_is(rsa_sha256, "1.2.840.113549.1.1.11"));
  EXPECT_FALSE(object_identifier_is(rsa_sha256, "1.2.840.113549.1.1.12"));
  EXPECT_EQ(object_identifier_name(rsa_sha256), "sha256WithRSAEncryption");
  EXPECT_EQ(object_identifier_name(Builder().hex("2a 86 48 86 f7 0d 01 01")), "");
  EXPECT_EQ(text_of([&](Text& out) { write_object_identifier(Builder().hex("69 84 01"), out); }),
            "2.25.513");
}

}  // namespace
}  // namespace handprint::test
