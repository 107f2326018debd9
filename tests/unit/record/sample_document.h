// SPDX-License-Identifier: Apache-2.0
// A document as curl 7.88 (OpenSSL 3) with HTTP/2 leaves behind on a live host, for tests and benchmarks
// to alter.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "flow/document.h"
#include "record/writer.h"

namespace handprint {

struct SampleDocument {
  static constexpr std::array<uint16_t, 31> ciphers{
      0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f,
      0x009e, 0xc024, 0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0xc00a, 0xc014, 0x0039, 0xc009,
      0xc013, 0x0033, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0x00ff};
  static constexpr std::array<uint16_t, 10> groups{0x001d, 0x0017, 0x001e, 0x0019, 0x0018,
                                                   0x0100, 0x0101, 0x0102, 0x0103, 0x0104};
  static constexpr std::array<uint16_t, 1> key_shares{0x001d};
  static constexpr std::array<uint16_t, 2> versions{0x0304, 0x0303};
  static constexpr std::array<std::string_view, 2> alpn{"h2", "http/1.1"};
  static constexpr std::array<std::string_view, 1> protocols{"TLS"};
  static constexpr std::array<uint8_t, 20> tcp_options{2, 4, 5, 180, 4, 2, 8, 10, 1,   2,
                                                       3, 4, 0, 0,   0, 0, 1, 3,  3, 7};

  Document document;
  RecordContext context;
  TcpFacts syn, syn_ack;
  TlsClientFacts client_hello;
  TlsServerFacts server_hello;
  std::vector<Observation> observations;
  std::array<ObservedPoint, 1> observed{{{2, HP_HOOK_CGROUP, HP_EGRESS, 4}}};
  std::shared_ptr<ProcessFacts> process = std::make_shared<ProcessFacts>();

  SampleDocument() {
    context.agent_id = "0b8f4a5e-7f0e-4c55-9d0b-2f6f3a1c9e11";
    context.agent_name = context.host_name = "web-1";
    context.agent_version = "0.1.0";
    context.host_id = "4c4c4544005a3410805ac4c04f4d3532";
    context.sensor = "sensor-web-1";
    context.wall_offset_ns = 1'795'400'000'000'000'000;
    context.interface_name = [](const void*, uint32_t interface) {
      return interface == 2 ? std::string("eth0") : std::string();
    };

    for (size_t i = 0; i < document.id.size(); ++i) document.id[i] = static_cast<uint8_t>(i * 17);
    document.stream = 42;
    document.first = 123'456'789'000;
    document.last = 123'480'000'000;
    document.transport = 6;
    document.packets = 4;
    document.client.address = parse_address("10.170.244.1");
    document.client.port = 11790;
    document.server.address = parse_address("10.170.244.2");
    document.server.port = 443;

    process->pid = 31337;
    process->parent_pid = 4711;
    process->start_ns = 123'400'000'000;
    process->uid = 1000;
    process->has_user = true;
    process->name = "curl";
    process->executable = "/usr/bin/curl";
    process->args = {"curl", "-s", "https://test.example/"};
    process->entity_id = "9f2c4f7d1a3b5e60";
    process->user_name = "alice";
    Ownership& owner = document.client.ownership;
    owner.local = true;
    owner.owner.pid = 31337;
    owner.owner.uid = 1000;
    owner.owner.start_ns = process->start_ns;
    owner.owner.role = HP_ROLE_CLIENT;
    std::memcpy(owner.owner.comm, "curl", 5);
    owner.process = process;

    syn = {64, 64240, 1460, 7, true, true, false, true, tcp_options};
    syn_ack = {64, 65160, 1460, 7, true, true, false, true, tcp_options};
    client_hello = {0x0303, "test.example", ciphers, groups, key_shares, versions, alpn,
                    false,  false,          false,   false,  false};
    server_hello = {0x0304, 0x1302, 0x001d, "", false, false, true};
    document.tcp_client = &syn;
    document.tcp_server = &syn_ack;
    document.tls_client = &client_hello;
    document.tls_server = &server_hello;
    document.protocols = protocols;
    document.observed = observed;
    observe(Side::client, Kind::tcp, "(faf0)((020405b4)(04)(08)(01)(030307))");
    observe(Side::server, Kind::tcp_server, "(fe88)((020405b4)(04)(08)(01)(030307))");
    observe(Side::client, Kind::p0f, "4:64+0:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0");
    observe(Side::server, Kind::p0f_server, "4:64+0:0:1460:mss*44,7:mss,sok,ts,nop,ws:df:0");
    observe(Side::client, Kind::muonfp, "64240:2-4-8-1-3:1460:7");
    observe(Side::server, Kind::muonfp_server, "65160:2-4-8-1-3:1460:7");
    observe(Side::client, Kind::tls,
            "(0303)(130213031301c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039"
            "c009c0130033009d009c003d003c0035002f00ff)((0000)(000b000403000102)(000a00160014001d0017001e"
            "001900180100010101020103"
            "0104)(0010000e000c02683208687474702f312e31)(0016)(0017)(0031)(000d002a00280403050306030807"
            "080808090"
            "80a080b080408050806040105010601030303010302040205020602)(002b00050403040303)(002d00020101)"
            "(0033))");
    observe(Side::client, Kind::ja3, "0149f47eabf9a20d0893e2a44e5a6323");
    observe(Side::client, Kind::ja4, "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6");
    observe(Side::server, Kind::tls_server, "(0303)(1302)((002b00020304)(0033))");
    observe(Side::server, Kind::ja3s, "15af977ce25de452b96affa2addb1036");
  }

  SampleDocument(const SampleDocument&) = delete;
  SampleDocument& operator=(const SampleDocument&) = delete;

  void observe(Side side, Kind kind, std::string_view text) {
    observations.push_back({document.first, side, kind, text});
    document.observations = observations;
  }

  // As it is read from a capture: no host, no process.
  void from_file() {
    document.from_file = true;
    document.client.ownership = document.server.ownership = Ownership();
    observed[0] = {0, HP_HOOK_NONE, HP_INGRESS, 4};
    context.sensor = "pcap-player-curl.pcap";
    context.wall_offset_ns = 0;
    context.interface_name = nullptr;
  }

  std::string json() const {
    std::string out;
    write_json(document, context, out);
    return out;
  }
  std::string line(bool colours = false, size_t width = 0) const {
    std::string out;
    write_line(document, context, colours, out, width);
    return out;
  }
};

}  // namespace handprint
