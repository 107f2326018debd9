// SPDX-License-Identifier: Apache-2.0
// How many instructions the verifier walks for each program: what a program costs at load, and how
// near it is to being refused. bpf/instructions.txt holds the counts by kernel; ten percent more
// fail.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "handprint_bpf.skel.h"

namespace {

int quiet(libbpf_print_level, const char*, va_list) { return 0; }

TEST(Instructions, NoProgramGrewByTenPercent) {
  utsname system{};
  ASSERT_EQ(uname(&system), 0);
  std::string kernel = system.release;
  kernel = kernel.substr(0, kernel.find('.', kernel.find('.') + 1));

  std::map<std::string, uint64_t> committed;
  // tests/kernels runs this where the sources are not.
  const char* elsewhere = std::getenv("HP_INSTRUCTIONS");
  const std::string path = elsewhere != nullptr ? elsewhere : HP_INSTRUCTIONS;
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string version, program;
    uint64_t count = 0;
    if (words >> version >> program >> count && version == kernel) committed[program] = count;
  }

  libbpf_set_print(quiet);
  handprint_bpf* skeleton = handprint_bpf__open();
  ASSERT_NE(skeleton, nullptr);
  const int error = handprint_bpf__load(skeleton);
  if (error != 0) {
    handprint_bpf__destroy(skeleton);
    if (geteuid() != 0) GTEST_SKIP() << "needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (or root)";
    FAIL() << "the programs do not load: error " << -error;
  }
  std::string counts;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    bpf_prog_info info{};
    uint32_t size = sizeof(info);
    ASSERT_EQ(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size), 0);
    const std::string name = bpf_program__name(program);
    counts += kernel + " " + name + " " + std::to_string(info.verified_insns) + "\n";
    if (const auto it = committed.find(name); it != committed.end())
      EXPECT_LE(info.verified_insns, it->second + it->second / 10)
          << name << ": " << it->second << " are committed";
    else if (!committed.empty())
      ADD_FAILURE() << name << " is missing in bpf/instructions.txt";
  }
  handprint_bpf__destroy(skeleton);
  if (committed.empty())
    GTEST_SKIP() << "bpf/instructions.txt has no counts of kernel " << kernel << "; they are\n"
                 << counts;
}

}  // namespace
