// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/readable.h"

#include <gtest/gtest.h>

#include <string>

namespace handprint {
namespace {

// The value below these keys and indices: "extensions/1/supported_groups/supported_groups/0".
std::string at(const ReadableFingerprint& fingerprint, std::string_view path) {
  const Readable* here = &fingerprint.parts;
  while (!path.empty()) {
    const size_t end = path.find('/');
    const std::string_view step = path.substr(0, end);
    path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
    const Readable* next = nullptr;
    for (size_t i = 0; i < here->items.size(); ++i)
      if (here->form == Readable::Form::object ? here->keys[i] == step
                                               : std::to_string(i) == step) {
        next = &here->items[i];
        break;
      }
    if (next == nullptr) return "nothing at " + std::string(step);
    here = next;
  }
  if (here->form == Readable::Form::number) return std::to_string(here->number);
  return here->form == Readable::Form::text ? here->text
                                            : std::to_string(here->items.size()) + " items";
}

ReadableFingerprint read(std::string_view text, std::string_view kind = {}) {
  auto found = read_fingerprint(text, kind);
  EXPECT_TRUE(found) << text << ": " << (found ? "" : found.error().text());
  return found ? *std::move(found) : ReadableFingerprint();
}

size_t fault_at(std::string_view text, std::string_view kind = {}) {
  const auto found = read_fingerprint(text, kind);
  EXPECT_FALSE(found) << text;
  if (found) return 99999;
  EXPECT_FALSE(found.error().message.empty());
  return found.error().offset;
}

constexpr std::string_view client =
    "(0303)(0a0ac02f1301fffe)((0a0a0000)(0000)(000a000600040a0a001d)(000b00020100)("
    "000d000400020804)"
    "(0010000e000c02683208687474702f312e31)(002b0005040a0a0304)(002d00020101)(001b0003020002)(4469)"
    "(abcd))";

TEST(ReadFingerprint, NamesThePartsOfAClientHello) {
  const ReadableFingerprint hello = read(client);
  EXPECT_EQ(hello.kind, "tls");
  EXPECT_EQ(at(hello, "version"), "TLS 1.2");
  EXPECT_EQ(at(hello, "cipher_suites/0"), "GREASE");
  EXPECT_EQ(at(hello, "cipher_suites/1"), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  EXPECT_EQ(at(hello, "cipher_suites/3"), "unknown(0xfffe)");
  EXPECT_EQ(at(hello, "extensions/1/server_name"), "");
  EXPECT_EQ(at(hello, "extensions/2/supported_groups/supported_groups_list_length"), "4");
  EXPECT_EQ(at(hello, "extensions/2/supported_groups/supported_groups/0"), "GREASE");
  EXPECT_EQ(at(hello, "extensions/2/supported_groups/supported_groups/1"), "x25519");
  EXPECT_EQ(at(hello, "extensions/3/ec_point_formats/ec_point_formats/0"), "uncompressed");
  EXPECT_EQ(at(hello, "extensions/4/signature_algorithms/algorithms/0"), "rsa_pss_rsae_sha256");
  EXPECT_EQ(at(hello, "extensions/5/application_layer_protocol_negotiation/1"), "http/1.1");
  EXPECT_EQ(at(hello, "extensions/6/supported_versions/supported_versions/1"), "TLS 1.3");
  EXPECT_EQ(at(hello, "extensions/7/psk_key_exchange_modes/psk_key_exchange_mode"), "psk_dhe_ke");
  EXPECT_EQ(at(hello, "extensions/8/compress_certificate/algorithms/0"), "brotli");
  EXPECT_EQ(at(hello, "extensions/9/application_settings"), "");
  EXPECT_EQ(at(hello, "extensions/10/unknown(0xabcd)"), "");
  EXPECT_EQ(hello.unknown, 2u);
}

TEST(ReadFingerprint, DatesAHelloByItsSuitesAndExtensions) {
  const ReadableFingerprint hello = read("(0303)(c02f002f)((0000)(0017))");
  EXPECT_EQ(month_text(hello.implemented.earliest), "2002-06");
  EXPECT_EQ(month_text(hello.implemented.latest), "2015-09");
  EXPECT_EQ(month_text(read("(0303)(fffe)((abcd))").implemented.latest), "");
}

TEST(ReadFingerprint, ShowsDataThatContradictsItselfAsDigits) {
  EXPECT_EQ(at(read("(0303)(002f)((000a000400060017))", "tls"), "extensions/0/supported_groups"),
            "00060017");
  // A hello that was cut within its last extension.
  EXPECT_EQ(at(read("(0303)(002f)((000a00080006001d))", "tls"), "extensions/0/supported_groups"),
            "0006001d");
}

TEST(ReadFingerprint, ReadsServersHellos) {
  const ReadableFingerprint hello = read("(0303)(1301)((0033)(002b00020304))");
  EXPECT_EQ(hello.kind, "tls_server");
  EXPECT_EQ(at(hello, "selected_cipher_suite"), "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(at(hello, "extensions/1/supported_versions"), "TLS 1.3");
  EXPECT_EQ(read("(0300)(002f)()").kind, "tls_server");
  EXPECT_EQ(read("(0300)(002f)()", "tls").kind, "tls");
}

TEST(ReadFingerprint, ReadsMercurysForms) {
  const ReadableFingerprint hello =
      read("quic/(00000001)(0303)(1301)[(0000)((0039)[(01)(1b)(80004752)(7127)])(44cd)]");
  EXPECT_EQ(hello.kind, "quic");
  EXPECT_EQ(at(hello, "quic_version"), "QUIC v1");
  EXPECT_EQ(at(hello, "extensions/1/quic_transport_parameters/0"), "max_idle_timeout");
  EXPECT_EQ(at(hello, "extensions/1/quic_transport_parameters/1"), "GREASE");
  EXPECT_EQ(at(hello, "extensions/1/quic_transport_parameters/2"), "google_version");
  EXPECT_EQ(at(hello, "extensions/1/quic_transport_parameters/3"), "initial_rtt");
  EXPECT_EQ(at(hello, "extensions/2/application_settings_new"), "");
  EXPECT_EQ(read("tls/1/(0303)(002f)[(0000)]").kind, "tls/1");
  EXPECT_EQ(at(read("tcp/(40)(00)(20)(ffff)((020404e2)(01)(030306)(04))"), "options/0/MSS"),
            "1250");
  EXPECT_EQ(at(read("ssh_init/(5353482d322e30)"), "protocol/0"), "SSH-2.0");
  EXPECT_EQ(at(read("stun/1/(00)(0001)(01)((8022))"), "attributes/0/SOFTWARE"), "");
  EXPECT_EQ(at(read("dhcp/((350103)(3d)(370103)(ff))"), "options/2/parameter_list/0"), "router");
}

TEST(ReadFingerprint, ReadsTcpAndHttp) {
  const ReadableFingerprint syn = read("(7210)(020405b4)(04)(08)(01)(030307)(fb)");
  EXPECT_EQ(syn.kind, "tcp");
  EXPECT_EQ(at(syn, "window"), "29200");
  EXPECT_EQ(at(syn, "options/0/MSS"), "1460");
  EXPECT_EQ(at(syn, "options/4/WS"), "7");
  EXPECT_EQ(at(syn, "options/5/unknown(0xfb)"), "");
  // "GET", "HTTP/1.1", "Host", "Accept: */*"
  const ReadableFingerprint get =
      read("(474554)(485454502f312e31)(486f7374)(4163636570743a202a2f2a)");
  EXPECT_EQ(get.kind, "http");
  EXPECT_EQ(at(get, "0/method"), "GET");
  EXPECT_EQ(at(get, "1/version"), "HTTP/1.1");
  EXPECT_EQ(at(get, "2/Host"), "");
  EXPECT_EQ(at(get, "3/Accept"), "*/*");
  EXPECT_EQ(at(read("(485454502f312e31)(323030)(4f4b)(5365727665723a2078)"), "3/Server"), "x");
  EXPECT_EQ(at(read("(3a6d6574686f643a20474554)(613a2062)"), "0/:method"), "GET");
}

TEST(ReadFingerprint, SaysWhereAlgorithmsOfSshComeFrom) {
  // "SSH-2.0-x", "sntrup761x25519-sha512@openssh.com,gss-gex-sha1-x", "a", …
  const ReadableFingerprint ssh = read(
      "(5353482d322e302d78)"
      "(736e747275703736317832353531392d736861353132406f70656e7373682e636f6d2c6773732d6765782d73686"
      "1312d78)"
      "(61)()()()()(6e6f6e65)(6e6f6e65)()()");
  EXPECT_EQ(ssh.kind, "ssh");
  EXPECT_EQ(at(ssh, "kex_algos/0/algorithm"), "sntrup761x25519-sha512@openssh.com");
  EXPECT_EQ(at(ssh, "kex_algos/0/source"), "private: OpenSSH 8.5");
  EXPECT_EQ(at(ssh, "kex_algos/1/source"), "RFC4462");
  EXPECT_EQ(at(ssh, "s_host_key_algos/0/source"), "unknown");
  EXPECT_EQ(ssh.unknown, 1u);
}

TEST(ReadFingerprint, ReadsJa3AndJa4) {
  const ReadableFingerprint ja3 = read("771,49199-4865,0-10,29-4588,0");
  EXPECT_EQ(ja3.kind, "ja3_string");
  EXPECT_EQ(at(ja3, "cipher_suites/1"), "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(at(ja3, "supported_groups/1"), "X25519MLKEM768");
  EXPECT_EQ(at(ja3, "ec_point_formats/0"), "uncompressed");
  EXPECT_EQ(at(read("771,49199,43"), "selected_cipher_suite"),
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  const ReadableFingerprint ja4 = read("t13d0202h2_1301,c02f_000a,0023_0403,0804");
  EXPECT_EQ(ja4.kind, "ja4_r");
  EXPECT_EQ(at(ja4, "application_protocol"), "h2");
  EXPECT_EQ(at(ja4, "extensions/1"), "session_ticket");
  EXPECT_EQ(at(ja4, "signature_algorithms/1"), "rsa_pss_rsae_sha256");
  EXPECT_EQ(read("t13d0202h2_c02f,1301_0023,000a_0403").kind, "ja4_ro");
  EXPECT_EQ(at(read("q13d0310h3_55b375c5d22e_cd85d2d88918"), "transport"), "QUIC");
}

TEST(ReadFingerprint, ReadsAkamaisStringOfHttp2) {
  const ReadableFingerprint h2 =
      read("1:65536;4:6291456;61:7|15663105|3:0:0:201,5:1:3:101|m,a,s,p");
  EXPECT_EQ(h2.kind, "akamai");
  EXPECT_EQ(at(h2, "settings/0/HEADER_TABLE_SIZE"), "65536");
  EXPECT_EQ(at(h2, "settings/2/unknown(0x003d)"), "7");
  EXPECT_EQ(at(h2, "window_update"), "15663105");
  EXPECT_EQ(at(h2, "priorities/1/depends_on"), "3");
  EXPECT_EQ(at(h2, "pseudo_headers/1"), ":authority");
  EXPECT_EQ(at(read("3:100|00|0|m,p,s,a"), "priorities"), "0 items");
  EXPECT_EQ(fault_at("1:65536;2|0|0|m"), 9u);
  EXPECT_EQ(fault_at("1:65536|x|0|m"), 8u);
  EXPECT_EQ(fault_at("1:65536|0|3:0:0|m"), 15u);
  EXPECT_EQ(fault_at("1:65536|0|0|m,x"), 14u);
}

TEST(ReadFingerprint, NamesTheOffsetOfAFault) {
  EXPECT_EQ(fault_at(""), 0u);
  EXPECT_EQ(fault_at("hello"), 0u);
  EXPECT_EQ(fault_at("(0303)(002f)((0000)"), 19u);     // ends within a list
  EXPECT_EQ(fault_at("(0303)(00zf)((0000))"), 9u);     // no digit
  EXPECT_EQ(fault_at("(0303)(002f)((0000))x"), 20u);   // something behind
  EXPECT_EQ(fault_at("(0303)(002f1)((0000))"), 12u);   // an odd number
  EXPECT_EQ(fault_at("(0303)(002f13)((0000))"), 11u);  // half a suite
  EXPECT_EQ(fault_at("(0303)(002fc02f)((00))"), 18u);  // half an extension
  EXPECT_EQ(fault_at("tls/(0303)(002z)()"), 14u);      // counted from the prefix's start
  EXPECT_EQ(fault_at("771,49199-x,0,,"), 10u);
  EXPECT_EQ(fault_at("771,99999,0,,"), 9u);
  EXPECT_EQ(fault_at("t13d0202h2_1301,c0_000a_0403"), 16u);
  EXPECT_EQ(fault_at("x13d0202h2_1301,c02f_000a_0403", "ja4_r"), 0u);
  EXPECT_EQ(fault_at("65535:2-4:14x0:7"), 12u);
  EXPECT_EQ(fault_at("dace93cf139f3f47da84d54b7e3891d6"), 0u) << "a hash cannot be read back";
  EXPECT_EQ(fault_at("(0303)(002f)()", "nothing"), 0u);
  EXPECT_EQ(fault_at(std::string(40, '(')), 8u) << "depth is bounded";
  EXPECT_EQ(fault_at(std::string(70000, '(')), 65536u);
}

// No prefix of a string, and no string with one character changed, is read past its end or makes
// the reader fail in another way than by an error.
TEST(ReadFingerprint, SurvivesEveryCutAndChange) {
  const std::string_view whole[] = {
      client,
      "quic/(00000001)(0303)(1301)[(0000)((0039)[(01)(80004752)])(44cd)]",
      "tcp/(40)(00)(20)(ffff)((020404e2)(01))",
      "stun/1/(00)(0001)(01)((8022))",
      "dhcp/((350103)(370103))",
      "(01)(61)(((61)(62)))(63)(64)(((61)(62)))((525341)(30383030)(61)(62))(((61)))",
      "openvpn/(06)(03)(0400)(14)(0301)(c014)((000b000403000102))",
      "771,49199-4865,0-10,29-4588,0",
      "t13d0202h2_1301,c02f_000a,0023_0403,0804",
      "65535:2-4-8:1460:7",
      "1:65536;2:0|15663105|3:0:0:201|m,a,s,p",
      "4:64+0:0:1460:mss*10,7:mss,sok:df:0"};
  for (const std::string_view text : whole) {
    EXPECT_TRUE(read_fingerprint(text))
        << text << ": " << (read_fingerprint(text) ? "" : read_fingerprint(text).error().text());
    for (size_t i = 0; i < text.size(); ++i) {
      const auto cut = read_fingerprint(text.substr(0, i));
      if (!cut) {
        EXPECT_LE(cut.error().offset, i) << text.substr(0, i);
      }
      for (const char c : {'(', ')', '[', '0', 'f', ',', 'g', '\0'}) {
        std::string changed(text);
        changed[i] = c;
        const auto found = read_fingerprint(changed);
        if (!found) {
          EXPECT_LE(found.error().offset, changed.size()) << changed;
        }
      }
    }
  }
}

TEST(ImplementationMonths, AreThoseOfTheReadString) {
  for (const std::string_view text :
       {client, std::string_view("(0303)(c02f002f)((0000)(0017))"),
        std::string_view("quic/(00000001)(0303)(1301)[(0000)((0039)[(01)(80004752)])(44cd)]"),
        std::string_view("tls/1/(0303)(c02f)[(0000)(002b)]"),
        std::string_view("(0303)(fffe)((abcd))"), std::string_view("(0303)(002f)()")}) {
    const Months months = implementation_months(text);
    const ReadableFingerprint hello = read(text);
    EXPECT_EQ(month_text(months.earliest), month_text(hello.implemented.earliest)) << text;
    EXPECT_EQ(month_text(months.latest), month_text(hello.implemented.latest)) << text;
  }
  for (const std::string_view text :
       {"", "(", "((((", "hello", "(7210)(04)", "(0303)(c02", "(0303)(002g)((000"})
    EXPECT_EQ(implementation_months(text).latest.year, 0) << text;
}

TEST(Registry, KnowsItsEdges) {
  EXPECT_EQ(code_name(Registry::tls_cipher, 0), "TLS_NULL_WITH_NULL_NULL");
  EXPECT_EQ(code_name(Registry::tls_extension, 0xca34), "trust_anchors");
  EXPECT_EQ(find_code(Registry::tls_extension, 0x1ca34), nullptr);
  EXPECT_EQ(find_code(Registry::tls_cipher, ~uint64_t{0}), nullptr);
  ASSERT_NE(find_code(Registry::tls_extension, 0x4469), nullptr);
  EXPECT_TRUE(find_code(Registry::tls_extension, 0x4469)->is_private());
  EXPECT_FALSE(find_code(Registry::tls_extension, 0)->is_private());
  EXPECT_EQ(code_name(Registry::http2_setting, 0x10), "TLS_RENEG_PERMITTED");
  EXPECT_EQ(find_algorithm(Registry::ssh_mac, "ssh-rsa"), nullptr)
      << "a name belongs to its registry";
  ASSERT_NE(find_algorithm(Registry::ssh_kex, "ecdh-sha2-1.3.132.0.10"), nullptr);
  EXPECT_EQ(find_algorithm(Registry::ssh_kex, "ecdh-sha2-1.3.132.0.10")->source, "RFC5656");
  EXPECT_EQ(code_name(Registry::quic_version, 0x54303530), "Google T050");
  EXPECT_EQ(code_name(Registry::quic_version, 0x1a2a3a4a), "GREASE");
  EXPECT_EQ(find_algorithm(Registry::ssh_compression, "zlib@openssh.com")->since.year, 2005);
}

}  // namespace
}  // namespace handprint
