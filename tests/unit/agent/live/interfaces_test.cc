// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/interfaces.h"

#include <gtest/gtest.h>
#include <net/if_arp.h>

#include <string>
#include <vector>

namespace handprint {
namespace {

class Choosing : public testing::Test {
 protected:
  Interface& add(uint32_t index, const char* name, const char* kind = "", const char* member = "") {
    Interface& interface = interfaces_[index];
    interface.index = index;
    interface.name = name;
    interface.kind = kind;
    interface.member_kind = member;
    interface.type = ARPHRD_ETHER;
    return interface;
  }
  void SetUp() override {
    add(1, "lo").loopback = true;
    add(2, "eth0").default_route = true;
    add(3, "eth1", "", "bridge");
    add(4, "eth2", "", "bond");
    add(5, "bond0", "bond");
    add(6, "br0", "bridge");
    add(7, "veth1", "veth");
    add(8, "eth0.5", "vlan");
    add(9, "wg0", "wireguard").type = ARPHRD_NONE;
    add(10, "tun7", "tun").type = ARPHRD_NONE;
    add(11, "docker0", "bridge");
    add(12, "eth3", "", "vrf");
  }
  std::vector<uint32_t> choose(const std::vector<std::string>& words) {
    return InterfaceSelection(words).choose(interfaces_);
  }
  using Numbers = std::vector<uint32_t>;
  Interfaces interfaces_;
};

TEST_F(Choosing, UplinksAreRealDevicesAndTheDefaultRoutes) {
  EXPECT_EQ(choose({}), (Numbers{2, 5, 12}));
  interfaces_[6].default_route = true;
  interfaces_[9].default_route = true;
  EXPECT_EQ(choose({"uplink"}), (Numbers{2, 5, 6, 9, 12}));
}

TEST_F(Choosing, ADefaultRouteDoesNotMakeAVethAnUplinkWhileThereAreOthers) {
  interfaces_[7].default_route = true;
  EXPECT_EQ(choose({"uplink"}), (Numbers{2, 5, 12}));
}

TEST_F(Choosing, InsideAContainerTheDefaultRouteIsTheUplink) {
  interfaces_.clear();
  add(1, "lo").loopback = true;
  add(2, "eth0", "veth").default_route = true;
  add(3, "eth1", "veth");
  EXPECT_EQ(choose({"uplink"}), (Numbers{2}));
}

TEST_F(Choosing, Kinds) {
  EXPECT_EQ(choose({"veth"}), (Numbers{7}));
  EXPECT_EQ(choose({"bridge"}), (Numbers{6, 11}));
  EXPECT_EQ(choose({"loopback"}), (Numbers{1}));
  EXPECT_EQ(choose({"tunnel"}), (Numbers{9, 10}));
  EXPECT_EQ(choose({"all"}).size(), interfaces_.size());
}

TEST_F(Choosing, NamesAndGlobs) {
  EXPECT_EQ(choose({"eth1"}), (Numbers{3}));
  EXPECT_EQ(choose({"eth?"}), (Numbers{2, 3, 4, 12}));
  EXPECT_EQ(choose({"wg*", "docker0"}), (Numbers{9, 11}));
  EXPECT_EQ(choose({"nothing*"}), Numbers{});
}

TEST_F(Choosing, ExclusionWins) {
  EXPECT_EQ(choose({"!bond0"}), (Numbers{2, 12})) << "of the uplinks";
  EXPECT_EQ(choose({"eth*", "!eth0*"}), (Numbers{3, 4, 12}));
  EXPECT_EQ(choose({"all", "!veth", "!bridge", "!tunnel", "!eth*", "!bond0"}), (Numbers{1}));
}

TEST(InterfaceLayer, OnlyEthernetAndLoopbackHaveItsHeader) {
  Interface interface;
  for (const int type : {ARPHRD_ETHER, ARPHRD_LOOPBACK}) {
    interface.type = static_cast<uint16_t>(type);
    EXPECT_TRUE(interface.has_ethernet_header());
  }
  for (const int type : {ARPHRD_NONE, ARPHRD_PPP, ARPHRD_TUNNEL, ARPHRD_SIT, ARPHRD_IPGRE}) {
    interface.type = static_cast<uint16_t>(type);
    EXPECT_FALSE(interface.has_ethernet_header());
  }
}

TEST(LinkMessage, IsReadFromNetlink) {
  NetlinkMessage message(RTM_NEWLINK, 0);
  ifinfomsg body{};
  body.ifi_index = 9;
  body.ifi_type = ARPHRD_ETHER;
  message.body(body);
  message.attribute(IFLA_IFNAME, std::string_view("veth9"));
  message.begin(IFLA_LINKINFO);
  message.attribute(IFLA_INFO_KIND, std::string_view("veth"));
  message.attribute(IFLA_INFO_SLAVE_KIND, std::string_view("bridge"));
  message.end();
  Interface interface;
  ASSERT_TRUE(read_interface(message.header(), interface));
  EXPECT_EQ(interface.index, 9u);
  EXPECT_EQ(interface.name, "veth9");
  EXPECT_EQ(interface.kind, "veth");
  EXPECT_EQ(interface.member_kind, "bridge");
}

TEST(LinkMessage, MalformedAttributesEndTheWalk) {
  int seen = 0;
  const auto count = [&seen](uint16_t, const uint8_t*, std::size_t) { ++seen; };
  const uint8_t zero_length[8] = {0, 0, 1, 0, 8, 0, 2, 0};
  each_attribute(zero_length, sizeof(zero_length), count);
  EXPECT_EQ(seen, 0);
  const uint8_t too_long[8] = {200, 0, 1, 0, 1, 2, 3, 4};
  each_attribute(too_long, sizeof(too_long), count);
  EXPECT_EQ(seen, 0);
  const uint8_t one_and_a_half[10] = {4, 0, 1, 0, 8, 0, 2, 0, 1, 2};
  each_attribute(one_and_a_half, sizeof(one_and_a_half), count);
  EXPECT_EQ(seen, 1);
}

TEST(ThisNamespace, HasItsLoopback) {
  NetlinkSocket socket(0);
  ASSERT_TRUE(socket.valid());
  Interfaces interfaces;
  ASSERT_EQ(read_interfaces(socket, interfaces), 0);
  ASSERT_TRUE(interfaces.contains(1));
  EXPECT_TRUE(interfaces[1].loopback);
  EXPECT_EQ(interfaces[1].name, "lo");
}

}  // namespace
}  // namespace handprint
