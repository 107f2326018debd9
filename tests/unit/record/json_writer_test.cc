// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "record/field.h"
#include "tests/unit/record/sample_document.h"

namespace handprint {
namespace {

using Json = nlohmann::ordered_json;

// nlohmann as the oracle: the whole line must be one JSON object without a key twice.
Json parse(const std::string& line) {
  EXPECT_TRUE(line.ends_with("}\n"));
  std::vector<std::set<std::string>> keys;
  return Json::parse(line, [&](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) {
      keys.resize(static_cast<size_t>(depth) + 1);
      keys.back().clear();
    } else if (event == Json::parse_event_t::key) {
      keys.resize(static_cast<size_t>(depth));
      EXPECT_TRUE(keys.back().insert(value.get<std::string>()).second) << "twice: " << value;
    }
    return true;
  });
}

// "a.b" → the value, or null.
Json at(const Json& document, std::string_view path) {
  const Json* node = &document;
  while (true) {
    const size_t dot = path.find('.');
    const auto found = node->find(std::string(path.substr(0, dot)));
    if (found == node->end()) return nullptr;
    node = &*found;
    if (dot == std::string_view::npos) return *node;
    path.remove_prefix(dot + 1);
  }
}

void collect(const Json& node, const std::string& path, std::vector<std::string>& out) {
  for (const auto& [key, value] : node.items()) {
    const std::string full = path.empty() ? key : path + "." + key;
    if (value.is_object() && full != "labels") {
      collect(value, full, out);
    } else {
      out.push_back(full);
    }
  }
}

struct JsonWriter : ::testing::Test {
  SampleDocument sample;
  Json document() { return parse(sample.json()); }
  Json field(std::string_view path) { return at(document(), path); }
};

TEST_F(JsonWriter, GivesTheEcsFieldsOfAConnection) {
  const Json d = document();
  EXPECT_EQ(at(d, "@timestamp"), "2026-11-23T02:15:23.456789Z");
  EXPECT_EQ(at(d, "event.kind"), "event");
  EXPECT_EQ(at(d, "event.category"), Json({"network"}));
  EXPECT_EQ(at(d, "event.type"), Json({"connection", "protocol"}));
  EXPECT_EQ(at(d, "event.dataset"), "handprint.flow");
  EXPECT_EQ(at(d, "event.id"), "00112233445566778899aabbccddeeff");
  EXPECT_EQ(at(d, "agent.id"), "0b8f4a5e-7f0e-4c55-9d0b-2f6f3a1c9e11");
  EXPECT_EQ(at(d, "agent.version"), "0.1.0");
  EXPECT_EQ(at(d, "host.name"), "web-1");
  EXPECT_EQ(at(d, "host.id"), "4c4c4544005a3410805ac4c04f4d3532");
  EXPECT_EQ(at(d, "observer.ingress.interface.name"), "eth0");
  EXPECT_EQ(at(d, "source.ip"), "10.170.244.1");
  EXPECT_EQ(at(d, "source.port"), 11790);
  EXPECT_EQ(at(d, "destination.ip"), "10.170.244.2");
  EXPECT_EQ(at(d, "destination.port"), 443);
  EXPECT_EQ(at(d, "network.transport"), "tcp");
  EXPECT_EQ(at(d, "network.type"), "ipv4");
  EXPECT_EQ(at(d, "network.protocol"), "tls");
  EXPECT_EQ(at(d, "network.direction"), "egress");
  EXPECT_EQ(at(d, "network.community_id"), "1:jGvPpo2CIz4slyf/pDaEw1VMwJw=");
}

TEST_F(JsonWriter, GivesTheHandshake) {
  const Json d = document();
  EXPECT_EQ(at(d, "tls.version"), "1.3");
  EXPECT_EQ(at(d, "tls.cipher"), "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(at(d, "tls.curve"), "x25519");
  EXPECT_EQ(at(d, "tls.resumed"), false);
  EXPECT_EQ(at(d, "tls.client.server_name"), "test.example");
  EXPECT_EQ(at(d, "tls.client.ja3"), "0149f47eabf9a20d0893e2a44e5a6323");
  EXPECT_EQ(at(d, "tls.client.ja4"), "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6");
  EXPECT_EQ(at(d, "tls.server.ja3s"), "15af977ce25de452b96affa2addb1036");
  EXPECT_EQ(at(d, "handprint.fingerprint.tcp"), "(faf0)((020405b4)(04)(08)(01)(030307))");
  EXPECT_EQ(at(d, "handprint.fingerprint.tls_server"), "(0303)(1302)((002b00020304)(0033))");
  EXPECT_EQ(at(d, "handprint.tls.key_shares"), Json({"x25519"}));
  EXPECT_EQ(at(d, "handprint.tls.pq"), false);
  EXPECT_EQ(at(d, "handprint.protocols"), Json({"TLS"}));
  EXPECT_EQ(at(d, "handprint.packets"), 4);
  EXPECT_EQ(at(d, "handprint.sensor"), "sensor-web-1");
  EXPECT_EQ(at(d, "handprint.stream"), 42);
  EXPECT_EQ(at(d, "handprint.part"), 1);
}

TEST_F(JsonWriter, NamesTheProcessOfTheLocalClient) {
  const Json d = document();
  EXPECT_EQ(at(d, "process.pid"), 31337);
  EXPECT_EQ(at(d, "process.name"), "curl");
  EXPECT_EQ(at(d, "process.executable"), "/usr/bin/curl");
  EXPECT_EQ(at(d, "process.command_line"), "curl -s https://test.example/");
  EXPECT_EQ(at(d, "process.start"), "2026-11-23T02:15:23.400000Z");
  EXPECT_EQ(at(d, "process.entity_id"), "9f2c4f7d1a3b5e60");
  EXPECT_EQ(at(d, "process.parent.pid"), 4711);
  EXPECT_EQ(at(d, "user.id"), "1000");
  EXPECT_EQ(at(d, "user.name"), "alice");
  EXPECT_EQ(at(d, "handprint.client.process.pid"), 31337);
  EXPECT_EQ(at(d, "handprint.client.process.executable"), "/usr/bin/curl");
  EXPECT_EQ(at(d, "handprint.attribution.client.method"), "connect");
  EXPECT_EQ(at(d, "handprint.attribution.client.role"), "client");
  EXPECT_EQ(at(d, "handprint.attribution.server"), nullptr);
  EXPECT_EQ(at(d, "handprint.server"), nullptr);
}

TEST_F(JsonWriter, NamesTheWorkerAndBesideItTheListenerOfALocalServer) {
  Ownership& client = sample.document.client.ownership;
  Ownership& server = sample.document.server.ownership;
  client = Ownership();
  server.local = true;
  server.owner.pid = 200, server.owner.role = HP_ROLE_WORKER;
  server.listener.pid = 100, server.listener.role = HP_ROLE_LISTENER;
  std::memcpy(server.owner.comm, "worker", 7);
  std::memcpy(server.listener.comm, "0123456789abcdef", 16);  // fills its field: no terminator
  const Json d = document();
  EXPECT_EQ(at(d, "network.direction"), "ingress");
  EXPECT_EQ(at(d, "process.pid"), 200);
  EXPECT_EQ(at(d, "process.name"), "worker");
  EXPECT_EQ(at(d, "handprint.server.process.pid"), 200);
  EXPECT_EQ(at(d, "handprint.listener.process.pid"), 100);
  EXPECT_EQ(at(d, "handprint.listener.process.name"), "0123456789abcdef");
  EXPECT_EQ(at(d, "handprint.attribution.server.role"), "worker");
  EXPECT_EQ(at(d, "handprint.attribution.server.method"), "read");
  EXPECT_EQ(at(d, "handprint.client"), nullptr);
}

TEST_F(JsonWriter, NamesTheListenerWhereNoWorkerIsKnown) {
  sample.document.client.ownership = Ownership();
  Ownership& server = sample.document.server.ownership;
  server.local = true;
  server.listener.pid = 100, server.listener.role = HP_ROLE_LISTENER;
  const Json d = document();
  EXPECT_EQ(at(d, "process.pid"), 100);
  EXPECT_EQ(at(d, "handprint.server.process.pid"), 100);
  EXPECT_EQ(at(d, "handprint.attribution.server.role"), "listener");
  EXPECT_EQ(at(d, "handprint.listener"), nullptr);
}

TEST_F(JsonWriter, PutsTheClientFirstAndBothBesideWhereBothEndsAreLocal) {
  auto nginx = std::make_shared<ProcessFacts>();
  nginx->pid = 80;
  nginx->name = "nginx";
  nginx->container_id = "c0ffee";
  nginx->service = "nginx.service";
  Ownership& server = sample.document.server.ownership;
  server.local = true;
  server.owner.pid = 80, server.owner.role = HP_ROLE_WORKER;
  server.process = nginx;
  const Json d = document();
  EXPECT_EQ(at(d, "network.direction"), "internal");
  EXPECT_EQ(at(d, "process.pid"), 31337);
  EXPECT_EQ(at(d, "handprint.client.process.pid"), 31337);
  EXPECT_EQ(at(d, "handprint.server.process.pid"), 80);
  EXPECT_EQ(at(d, "handprint.server.process.container.id"), "c0ffee");
  EXPECT_EQ(at(d, "handprint.server.process.service.name"), "nginx.service");
  EXPECT_EQ(at(d, "container"), nullptr) << "the container is the server's, not the client's";
}

TEST_F(JsonWriter, SaysUnknownWhereALocalOwnerIsNotKnown) {
  Ownership& client = sample.document.client.ownership;
  client = Ownership();
  client.local = true;
  const Json d = document();
  EXPECT_EQ(at(d, "handprint.attribution.client.method"), "unknown");
  EXPECT_EQ(at(d, "handprint.attribution.client.role"), "unknown");
  EXPECT_EQ(at(d, "process"), nullptr);
  EXPECT_EQ(at(d, "network.direction"), "egress");
}

TEST_F(JsonWriter, SaysWhenAProcessIsKnownOnlyAsTheSender) {
  Ownership& server = sample.document.server.ownership;
  server.owner.pid = 90;
  server.peer = true;
  EXPECT_EQ(field("handprint.attribution.server.method"), "peer");
  EXPECT_EQ(field("handprint.server.process.pid"), 90);
  EXPECT_EQ(field("handprint.attribution.server.role"), "listener") << "it sent the SYN+ACK";
  sample.document.tcp_server = nullptr;
  EXPECT_EQ(field("handprint.attribution.server.role"), "worker");
  server.owner.role = HP_ROLE_HOLDER;
  EXPECT_EQ(field("handprint.attribution.server.role"), "holder");
}

TEST_F(JsonWriter, PutsContainerServiceAndPodOfTheProcessWhereEcsHasThem) {
  sample.process->container_id = "abc";
  sample.process->container_runtime = "containerd";
  sample.process->service = "kubelet.service";
  sample.process->pod_uid = "uid-1";
  sample.process->pod_name = "web-0";
  sample.process->pod_namespace = "shop";
  sample.process->sha256 = std::string(64, 'a');
  const Json d = document();
  EXPECT_EQ(at(d, "container.id"), "abc");
  EXPECT_EQ(at(d, "container.runtime"), "containerd");
  EXPECT_EQ(at(d, "service.name"), "kubelet.service");
  EXPECT_EQ(at(d, "orchestrator.namespace"), "shop");
  EXPECT_EQ(at(d, "orchestrator.resource.id"), "uid-1");
  EXPECT_EQ(at(d, "orchestrator.resource.name"), "web-0");
  EXPECT_EQ(at(d, "process.hash.sha256"), std::string(64, 'a'));
}

TEST_F(JsonWriter, LeavesTheHostOutOfWhatIsReadFromAFile) {
  sample.from_file();
  const Json d = document();
  EXPECT_EQ(at(d, "host"), nullptr);
  EXPECT_EQ(at(d, "process"), nullptr);
  EXPECT_EQ(at(d, "user"), nullptr);
  EXPECT_EQ(at(d, "handprint.attribution"), nullptr);
  EXPECT_EQ(at(d, "observer"), nullptr);
  EXPECT_EQ(at(d, "handprint.observed"), nullptr);
  EXPECT_EQ(at(d, "network.direction"), nullptr);
  EXPECT_EQ(at(d, "@timestamp"), "1970-01-01T00:02:03.456789Z");
  EXPECT_EQ(at(d, "agent.name"), "web-1");
}

TEST_F(JsonWriter, LeavesOutWhatIsNotKnown) {
  SampleDocument bare;
  bare.from_file();
  Document& d = bare.document;
  d.observations = {};
  d.protocols = {};
  d.tcp_client = d.tcp_server = nullptr;
  d.tls_client = nullptr;
  d.tls_server = nullptr;
  const Json json = parse(bare.json());
  EXPECT_EQ(at(json, "tls"), nullptr);
  EXPECT_EQ(at(json, "handprint.fingerprint"), nullptr);
  EXPECT_EQ(at(json, "event.type"), Json({"connection"}));
  EXPECT_EQ(bare.json().find("null"), std::string::npos);
  EXPECT_EQ(bare.json().find("{}"), std::string::npos);
  EXPECT_EQ(bare.json().find("[]"), std::string::npos);
}

TEST_F(JsonWriter, MakesAnArrayOfRepeatedKindsAndAPlainStringOfOne) {
  sample.observe(Side::client, Kind::http, "(474554)(2f)");
  EXPECT_EQ(field("handprint.fingerprint.http"), "(474554)(2f)");
  sample.observe(Side::client, Kind::http, "(474554)(2f)");
  sample.observe(Side::client, Kind::http, "(504f5354)");
  EXPECT_EQ(field("handprint.fingerprint.http"), Json({"(474554)(2f)", "(474554)(2f)", "(504f5354)"}));
}

TEST_F(JsonWriter, PutsEveryKindAtItsPathOfTheKindTable) {
  sample.context.all_fields = true;
  sample.observations.clear();
  for (const KindRow& kind : kinds) sample.observe(Side::client, kind.kind, kind.name);
  const Json d = document();
  for (const KindRow& kind : kinds)
    EXPECT_EQ(at(d, kind.record_path), std::string(kind.prefix) + std::string(kind.name));
}

TEST_F(JsonWriter, KeepsRawStringsAndLongListsForAllFields) {
  sample.observe(Side::client, Kind::ja3_string, "771,4866");
  sample.observe(Side::client, Kind::ja4_r, "t13d_raw");
  for (std::string_view path : {"handprint.fingerprint.ja3_string", "handprint.fingerprint.ja4_r",
                                "tls.client.supported_ciphers", "handprint.tls.offered_groups",
                                "handprint.client.tcp.ttl", "process.args", "event.start", "event.end",
                                "agent.type", "tls.version_protocol", "handprint.observed"}) {
    sample.context.all_fields = false;
    EXPECT_EQ(field(path), nullptr) << path;
    sample.context.all_fields = true;
    EXPECT_NE(field(path), nullptr) << path;
  }
  const Json d = document();
  EXPECT_EQ(at(d, "tls.client.supported_ciphers").size(), 31u);
  EXPECT_EQ(at(d, "tls.client.supported_ciphers")[30], "TLS_EMPTY_RENEGOTIATION_INFO_SCSV");
  EXPECT_EQ(at(d, "handprint.client.tcp.mss"), 1460);
  EXPECT_EQ(at(d, "handprint.client.tcp.options"), "020405b40402080a0102030400000000" "01030307");
  EXPECT_EQ(at(d, "event.start"), at(d, "@timestamp"));
  EXPECT_EQ(at(d, "event.end"), "2026-11-23T02:15:23.480000Z");
  EXPECT_EQ(at(d, "agent.type"), "handprint");
  EXPECT_EQ(at(d, "tls.version_protocol"), "tls");
  EXPECT_EQ(at(d, "handprint.client.process.command_line"), "curl -s https://test.example/");
}

TEST_F(JsonWriter, NamesUnknownNumbersAndGrease) {
  const std::array<uint16_t, 3> shares{0x3a3a, 0x11ec, 0x4242};
  sample.client_hello.key_shares = shares;
  sample.server_hello.cipher = 0xcc16;
  sample.server_hello.group = 0x4242;
  Json d = document();
  EXPECT_EQ(at(d, "handprint.tls.key_shares"), Json({"X25519MLKEM768", "unknown(0x4242)"}));
  EXPECT_EQ(at(d, "tls.cipher"), "unknown(0xcc16)");
  EXPECT_EQ(at(d, "tls.curve"), "unknown(0x4242)");
  sample.server_hello.group = 0x11ec;
  sample.context.all_fields = true;
  d = document();
  EXPECT_EQ(at(d, "handprint.tls.key_shares")[0], "GREASE");
  EXPECT_EQ(at(d, "handprint.tls.pq"), true);
}

TEST_F(JsonWriter, LeavesOutAListThatHoldsOnlyGrease) {
  const std::array<uint16_t, 1> shares{0x3a3a};
  sample.client_hello.key_shares = shares;
  EXPECT_EQ(field("handprint.tls.key_shares"), nullptr);
}

TEST_F(JsonWriter, RecordsTheSecondHelloBesideTheFirst) {
  const std::array<uint16_t, 1> shares{0x0017};
  TlsClientFacts second = sample.client_hello;
  second.key_shares = shares;
  second.second_after_retry = true;
  sample.document.tls_client_retry = &second;
  sample.server_hello.retry = true;
  const Json d = document();
  EXPECT_EQ(at(d, "handprint.tls.hrr"), true);
  EXPECT_EQ(at(d, "handprint.tls.key_shares"), Json({"x25519"}));
  EXPECT_EQ(at(d, "handprint.tls.retry.key_shares"), Json({"secp256r1"}));
  EXPECT_EQ(at(d, "handprint.tls.retry.server_name"), nullptr) << "the same name";
}

TEST_F(JsonWriter, TellsAlertsAndThatTheyEndedTheHandshake) {
  const std::array<TlsAlert, 3> alerts{{{Side::client, 1, 90}, {Side::server, 2, 40}, {Side::server, 9, 200}}};
  EXPECT_EQ(field("tls.established"), nullptr);
  sample.document.tls_alerts = alerts;
  const Json d = document();
  EXPECT_EQ(at(d, "handprint.tls.alerts"),
            Json({"client: warning user_canceled", "server: fatal handshake_failure", "server: level? alert 200"}));
  EXPECT_EQ(at(d, "tls.established"), false);
}

TEST_F(JsonWriter, SplitsAnHttpRequest) {
  HttpRequestFacts request;
  request.method = "GET", request.uri = "/a/b?q=1", request.version = "HTTP/1.1";
  request.host = "shop.example:8080", request.user_agent = "curl/7.88.1";
  HttpResponseFacts response;
  response.version = "HTTP/1.1", response.status = 404;
  sample.document.http_request = &request;
  sample.document.http_response = &response;
  const std::array<std::string_view, 1> protocols{"HTTP/1"};
  sample.document.protocols = protocols;
  Json d = document();
  EXPECT_EQ(at(d, "http.version"), "1.1");
  EXPECT_EQ(at(d, "http.request.method"), "GET");
  EXPECT_EQ(at(d, "http.response.status_code"), 404);
  EXPECT_EQ(at(d, "url.original"), "/a/b?q=1");
  EXPECT_EQ(at(d, "url.domain"), "shop.example");
  EXPECT_EQ(at(d, "url.path"), "/a/b");
  EXPECT_EQ(at(d, "user_agent.original"), "curl/7.88.1");
  EXPECT_EQ(at(d, "network.protocol"), "http");

  struct Row {
    std::string_view method, uri, host;
    Json domain, path;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"GET", "http://u@proxy.example:80/x?y", "other.example", "proxy.example", "/x"},
           {"GET", "http://bare.example", "", "bare.example", nullptr},
           {"CONNECT", "far.example:443", "", "far.example", nullptr},
           {"OPTIONS", "*", "[2001:db8::1]:8080", "[2001:db8::1]", nullptr},
           {"GET", "/", "[2001:db8::1", "[2001:db8::1", "/"},
           {"GET", "", "", nullptr, nullptr}}) {
    request.method = row.method, request.uri = row.uri, request.host = row.host;
    d = document();
    EXPECT_EQ(at(d, "url.domain"), row.domain) << row.uri;
    EXPECT_EQ(at(d, "url.path"), row.path) << row.uri;
  }
}

TEST_F(JsonWriter, GivesMacVlanTunnelAndUncertainty) {
  sample.document.client.mac = {0x00, 0x1b, 0x21, 0x3c, 0x9d, 0xf8};
  sample.document.client.has_mac = true;
  sample.document.vlan = 100, sample.document.has_vlan = true;
  sample.document.client_certain = false;
  TunnelFacts tunnel;
  tunnel.kind = "vxlan";
  tunnel.source = parse_address("192.0.2.1"), tunnel.destination = parse_address("2001:db8::2");
  tunnel.id = 77, tunnel.has_id = true;
  sample.document.tunnel = &tunnel;
  const Json d = document();
  EXPECT_EQ(at(d, "source.mac"), "00-1B-21-3C-9D-F8");
  EXPECT_EQ(at(d, "destination.mac"), nullptr);
  EXPECT_EQ(at(d, "network.vlan.id"), "100");
  EXPECT_EQ(at(d, "handprint.client_certain"), false);
  EXPECT_EQ(at(d, "handprint.tunnel.kind"), "vxlan");
  EXPECT_EQ(at(d, "handprint.tunnel.id"), 77);
  EXPECT_EQ(at(d, "handprint.tunnel.source.ip"), "192.0.2.1");
  EXPECT_EQ(at(d, "handprint.tunnel.destination.ip"), "2001:db8::2");
}

TEST_F(JsonWriter, ListsWhereTheFlowWasSeenAndWhatIsMissing) {
  const std::array<ObservedPoint, 2> points{{{2, HP_HOOK_TC, HP_INGRESS, 3}, {7, HP_HOOK_XDP, HP_EGRESS, 1}}};
  const std::array<IncompleteFact, 2> missing{{{"tls.client", Reason::truncated}, {"tcp", Reason::need_more}}};
  sample.document.observed = points;
  sample.document.incomplete = missing;
  const Json d = document();
  EXPECT_EQ(at(d, "handprint.observed"),
            Json::parse(R"([{"interface":"eth0","hook":"tc","direction":"ingress","packets":3},
                            {"index":7,"hook":"xdp","direction":"egress","packets":1}])"));
  EXPECT_EQ(at(d, "handprint.incomplete"), Json({"tls.client: truncated", "tcp: need-more"}));
}

TEST_F(JsonWriter, GivesLabelsOnceAKey) {
  sample.context.labels = {"env=test", "team=a=b", "env=prod", "bare"};
  EXPECT_EQ(field("labels"), Json::parse(R"({"team":"a=b","env":"prod","bare":""})"));
}

TEST_F(JsonWriter, RepeatsOnlyKeysInLaterParts) {
  sample.document.part = 2;
  sample.document.client.ownership = Ownership();
  sample.document.tls_client = nullptr;
  sample.document.tls_server = nullptr;
  sample.document.observations = {};
  sample.document.protocols = {};
  sample.context.labels = {"env=test"};
  std::vector<std::string> paths;
  collect(document(), "", paths);
  EXPECT_EQ(paths, (std::vector<std::string>{
                       "@timestamp", "event.kind", "event.category", "event.type", "event.dataset",
                       "event.id", "agent.id", "host.name", "source.ip", "source.port",
                       "destination.ip", "destination.port", "network.transport",
                       "network.community_id", "handprint.sensor", "handprint.stream",
                       "handprint.part", "handprint.packets"}));
}

TEST_F(JsonWriter, WritesFieldsInTheOrderOfTheCatalogueAndNoOthers) {
  sample.context.all_fields = true;
  std::vector<std::string> paths;
  collect(document(), "", paths);
  auto expected = fields().begin();
  for (const std::string& path : paths) {
    while (expected != fields().end() && expected->path != path) ++expected;
    ASSERT_NE(expected, fields().end()) << path << " is not in the catalogue, or out of order";
  }
}

TEST_F(JsonWriter, AppendsAndKeepsWhatWasThere) {
  std::string out = "before\n";
  write_json(sample.document, sample.context, out);
  write_json(sample.document, sample.context, out);
  EXPECT_EQ(out, "before\n" + sample.json() + sample.json());
}

TEST_F(JsonWriter, IsValidJsonWhateverTheTrafficHolds) {
  using namespace std::string_literals;
  const std::string hostile = "\"\\\n\r\t\0\x01\x1b[2J\x7f\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80 \xe2\x82"s;
  HttpRequestFacts request;
  request.method = request.uri = request.host = request.user_agent = request.version = hostile;
  request.referrer = hostile;
  sample.context.all_fields = true;
  sample.document.http_request = &request;
  sample.client_hello.server_name = hostile;
  sample.server_hello.alpn = hostile;
  sample.process->name = sample.process->executable = hostile;
  sample.process->args = {hostile, "", hostile};
  sample.context.labels = {hostile};
  sample.observe(Side::client, Kind::http, hostile);
  const std::array<std::string_view, 1> protocols{hostile};
  sample.document.protocols = protocols;
  const std::string line = sample.json();
  EXPECT_NO_THROW(parse(line));
  EXPECT_EQ(line.find('\n'), line.size() - 1) << "one document, one line";
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST_F(JsonWriter, HoldsStringsOfAnyLength) {
  const std::string name(100'000, 'x'), odd(30'000, '\xff');
  sample.client_hello.server_name = name;
  EXPECT_EQ(field("tls.client.server_name"), name);
  sample.client_hello.server_name = odd;
  EXPECT_EQ(field("tls.client.server_name").get<std::string>().size(), 3 * odd.size());
}

// A default document of a curl connection on a live host. How long the strings of
// handprint.fingerprint are is up to the client; the rest is ours to keep small.
TEST_F(JsonWriter, KeepsTheDefaultDocumentSmall) {
  const size_t live = sample.json().size();
  Json d = document();
  d["handprint"].erase("fingerprint");
  const size_t without_fingerprints = d.dump().size();
  sample.from_file();
  const size_t file = sample.json().size();
  RecordProperty("live", static_cast<int>(live));
  RecordProperty("without_fingerprints", static_cast<int>(without_fingerprints));
  RecordProperty("from_file", static_cast<int>(file));
  EXPECT_LE(live, 2250u);
  EXPECT_LE(without_fingerprints, 1475u);
  EXPECT_LE(file, 1675u);
}

}  // namespace
}  // namespace handprint
