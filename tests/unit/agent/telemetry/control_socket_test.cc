// SPDX-License-Identifier: Apache-2.0
#include "agent/telemetry/control_socket.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "agent/telemetry/status.h"

namespace handprint {
namespace {

class ControlSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/handprint-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
    ::setenv("RUNTIME_DIRECTORY", directory_.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("RUNTIME_DIRECTORY");
    for (const std::string& path : agent_sockets()) ::unlink(path.c_str());
    ::rmdir(directory_.c_str());
  }
  // Asks while `socket` is served with `text`.
  static Result<std::string> ask(ControlSocket& socket, const std::string& text) {
    std::atomic<bool> over{false};
    std::thread server([&] {
      while (!over.load()) {
        pollfd wait{socket.descriptor(), POLLIN, 0};
        if (::poll(&wait, 1, 10) == 1) socket.serve([&] { return text; });
      }
    });
    auto answer = ask_agent(socket.path());
    over.store(true);
    server.join();
    return answer;
  }
  std::string directory_;
};

StatusReport sample() {
  StatusReport report;
  report.version = "1.2.3";
  report.sensor = "sensor-a \"b\"";
  report.state = "capturing";
  report.hook = "tc";
  report.attached = {{"eth0", "tcx"}};
  report.kernel = {{"packets", 1234567}, {"selected", 10}, {"lost_ring", 0}};
  report.outputs = {{"stdout", {{"written", 9}, {"dropped", 0}}}};
  report.unaccounted_selected = 0;
  return report;
}

TEST_F(ControlSocketTest, AnswersWhoeverAsks) {
  ControlSocket socket;
  ASSERT_TRUE(socket.listen("").ok());
  EXPECT_EQ(socket.path(), directory_ + "/control.sock");
  struct stat status {};
  ASSERT_EQ(::stat(socket.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
  const auto answer = ask(socket, status_json(sample()));
  ASSERT_TRUE(answer.ok()) << answer.error().text();
  const std::string text = status_text(*answer);
  EXPECT_NE(text.find("1.2.3"), std::string::npos);
  EXPECT_NE(text.find("packets 1,234,567, selected 10\n"), std::string::npos) << text;
  EXPECT_NE(text.find("eth0 (tcx)"), std::string::npos);
  EXPECT_NE(text.find("every selected packet is a record"), std::string::npos);
}

TEST_F(ControlSocketTest, LetsASecondAgentListenBesideTheFirst) {
  ControlSocket first, second;
  ASSERT_TRUE(first.listen("").ok());
  ASSERT_TRUE(second.listen("").ok());
  EXPECT_EQ(second.path(), directory_ + "/control-" + std::to_string(::getpid()) + ".sock");
  EXPECT_EQ(agent_sockets(), (std::vector<std::string>{first.path(), second.path()}));
  ControlSocket third;
  EXPECT_FALSE(third.listen(first.path()).ok());
}

TEST_F(ControlSocketTest, ReplacesASocketThatNobodyAnswersOnAndNothingElse) {
  {
    ControlSocket dead;
    ASSERT_TRUE(dead.listen("").ok());
    ASSERT_EQ(::link(dead.path().c_str(), (directory_ + "/control-1.sock").c_str()), 0);
  }
  ASSERT_EQ(::rename((directory_ + "/control-1.sock").c_str(), (directory_ + "/control.sock").c_str()), 0);
  auto nobody = ask_agent(directory_ + "/control.sock");
  ASSERT_FALSE(nobody.ok());
  EXPECT_NE(nobody.error().text().find("no agent is running"), std::string::npos);
  ControlSocket fresh;
  EXPECT_TRUE(fresh.listen("").ok());

  const std::string file = directory_ + "/precious";
  std::ofstream(file) << "data";
  ControlSocket wrong;
  const auto refused = wrong.listen(file);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().text().find("no socket"), std::string::npos);
  EXPECT_EQ(::access(file.c_str(), F_OK), 0);
  ::unlink(file.c_str());
}

TEST(Status, IsNoTextForWhatIsNoStatus) {
  EXPECT_EQ(status_text("nonsense"), "");
  EXPECT_EQ(status_text("[1]"), "");
}

}  // namespace
}  // namespace handprint
