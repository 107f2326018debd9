// SPDX-License-Identifier: Apache-2.0
#include "agent/config/settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "agent/config/keys.h"

namespace handprint {
namespace {

// All messages, one a line: "x.yaml:1:2: reason".
std::string errors_of(const SettingsResult& result) {
  std::string out;
  for (const Error& error : result.errors) out += error.text() + "\n";
  return out;
}

std::string errors_of(std::string_view yaml) {
  return errors_of(load_settings_text(yaml, "x.yaml"));
}

Settings good(std::string_view yaml) {
  SettingsResult result = load_settings_text(yaml, "x.yaml");
  EXPECT_EQ(errors_of(result), "") << yaml;
  return result.settings;
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

TEST(Settings, HaveDefaultsWithoutAFile) {
  const Settings s = default_settings();
  EXPECT_EQ(s.sensor.id, "sensor-" + host_name());
  EXPECT_TRUE(s.labels.empty());
  EXPECT_EQ(s.capture.hook, CaptureHook::automatic);
  EXPECT_TRUE(s.capture.interfaces.empty());
  EXPECT_EQ(s.capture.requests_per_flow, 3u);
  EXPECT_EQ(s.capture.ring.packets, 4u << 20);
  EXPECT_EQ(s.capture.ring.processes, 2u << 20);
  EXPECT_EQ(s.limits.syn_rate, 2000u);
  EXPECT_EQ(s.limits.hello_rate, 20000u);
  EXPECT_EQ(s.limits.syn_records, 200u);
  EXPECT_EQ(s.limits.flow_memory, 16u << 20);
  EXPECT_EQ(s.limits.first_document_after, 5'000'000'000);
  EXPECT_EQ(s.limits.queue, 8u << 20);
  EXPECT_EQ(s.limits.cpu, 5000u);
  EXPECT_EQ(s.limits.memory, 256u << 20);
  EXPECT_TRUE(s.process.command_line);
  EXPECT_TRUE(s.process.hash);
  EXPECT_EQ(s.process.hash_max_size, 64u << 20);
  EXPECT_EQ(s.output, std::vector<OutputSettings>(1));
  EXPECT_EQ(s.log.level, LogLevel::info);
  EXPECT_EQ(s.log.format, LogFormat::automatic);
}

TEST(Settings, HaveADefaultForEveryKeyThatIsNotOfTheHost) {
  for (const auto& key : setting_keys())
    EXPECT_EQ(key->default_text.empty(), key->path == "sensor.id") << key->path;
}

TEST(Settings, RefuseInterfacesForAHookThatKnowsNone) {
  SettingsResult result;
  result = load_settings_text("capture: {hook: cgroup, interfaces: [eth0]}\n", "a.yaml");
  ASSERT_EQ(result.errors.size(), 1u);
  EXPECT_EQ(result.errors[0].line, 1u);
  EXPECT_NE(result.errors[0].message.find("knows no interfaces"), std::string::npos);
}

TEST(Settings, ReadEveryKey) {
  const Settings s = good(R"(
sensor: {id: edge-7}
labels: {site: fra1, env: production, rack: 12}
capture:
  hook: tc
  interfaces: [eth0, "wl*", kind:veth]
  exclude_interfaces: [docker0]
  requests_per_flow: 0
  ring: {packets: 8MiB, processes: 256KiB}
limits:
  syn_rate: 0/s
  hello_rate: 5/s
  syn_records: 7/s
  flow_memory: 1GiB
  first_document_after: 1500ms
  queue: 100 MB
  cpu: 0.125 %
  memory: 2GiB
process: {command_line: off, hash: no, hash_max_size: 5kB}
output:
  - {type: file, path: /var/log/handprint/flows.json, fields: all}
  - {type: stdout, format: line}
  - {type: tcp, address: "[2001:db8::1]:5170"}
log: {level: error, format: json}
)");
  EXPECT_EQ(s.sensor.id, "edge-7");
  EXPECT_EQ(s.labels, (std::vector<std::string>{"env=production", "rack=12", "site=fra1"}));
  EXPECT_EQ(s.capture.hook, CaptureHook::tc);
  EXPECT_EQ(s.capture.interfaces, (std::vector<std::string>{"eth0", "wl*", "kind:veth"}));
  EXPECT_EQ(s.capture.exclude_interfaces, std::vector<std::string>{"docker0"});
  EXPECT_EQ(s.capture.requests_per_flow, 0u);
  EXPECT_EQ(s.capture.ring.packets, 8u << 20);
  EXPECT_EQ(s.capture.ring.processes, 256u << 10);
  EXPECT_EQ(s.limits.syn_rate, 0u);
  EXPECT_EQ(s.limits.hello_rate, 5u);
  EXPECT_EQ(s.limits.syn_records, 7u);
  EXPECT_EQ(s.limits.flow_memory, 1u << 30);
  EXPECT_EQ(s.limits.first_document_after, 1'500'000'000);
  EXPECT_EQ(s.limits.queue, 100'000'000u);
  EXPECT_EQ(s.limits.cpu, 125u);
  EXPECT_EQ(s.limits.memory, uint64_t{2} << 30);
  EXPECT_FALSE(s.process.command_line);
  EXPECT_FALSE(s.process.hash);
  EXPECT_EQ(s.process.hash_max_size, 5000u);
  EXPECT_EQ(s.output, (std::vector<OutputSettings>{
                          {OutputType::file, "/var/log/handprint/flows.json", "", OutputFormat::json,
                           OutputFields::all},
                          {OutputType::stdout_, "", "", OutputFormat::line, OutputFields::default_},
                          {OutputType::tcp, "", "[2001:db8::1]:5170", OutputFormat::json,
                           OutputFields::default_}}));
  EXPECT_EQ(s.log.level, LogLevel::error);
  EXPECT_EQ(s.log.format, LogFormat::json);
}

TEST(Settings, TakeAnEmptyFileAndEmptySections) {
  EXPECT_EQ(good(""), default_settings());
  EXPECT_EQ(good("# only a comment\n"), default_settings());
  EXPECT_EQ(good("---\n"), default_settings());
  EXPECT_EQ(good("capture:\n  ring:\nlog:\n"), default_settings());
}

// Each row: a text, and all that is said about it.
struct Wrong {
  std::string_view yaml, said;
};

TEST(Settings, RefuseUnknownKeysWithASuggestion) {
  for (const Wrong& row : std::initializer_list<Wrong>{
           {"outptu: nonsense\n", "x.yaml:1:1: unknown key 'outptu'; did you mean 'output'?\n"},
           {"limits:\n  syn_raet: 1/s\n",
            "x.yaml:2:3: unknown key 'limits.syn_raet'; did you mean 'syn_rate'?\n"},
           {"capture: {ring: {Packets: 4MiB}}\n",
            "x.yaml:1:18: unknown key 'capture.ring.Packets'; did you mean 'packets'?\n"},
           {"capture: {syn_rate: 1/s}\n",
            "x.yaml:1:11: unknown key 'capture.syn_rate'; did you mean 'limits.syn_rate'?\n"},
           {"limits.syn_rate: 1/s\n",
            "x.yaml:1:1: keys are nested, not dotted: write 'syn_rate' below 'limits'\n"},
           {"zebra: 1\n", "x.yaml:1:1: unknown key 'zebra'\n"}})
    EXPECT_EQ(errors_of(row.yaml), row.said);
}

TEST(Settings, RefuseWrongTypes) {
  for (const Wrong& row : std::initializer_list<Wrong>{
           {"- a\n", "x.yaml:1:1: a configuration is a mapping of keys, not a list\n"},
           {"capture: tc\n", "x.yaml:1:10: 'capture' is a section of keys, not 'tc'\n"},
           {"sensor: {id: [a]}\n", "x.yaml:1:14: a text belongs here, not a list\n"},
           {"sensor: {id: }\n", "x.yaml:1:14: a text belongs here, not nothing\n"},
           {"capture:\n  interfaces: eth0\n",
            "x.yaml:2:15: a list of interfaces belongs here, such as [eth0, \"kind:uplink\"], not "
            "'eth0'\n"},
           {"labels: [a]\n",
            "x.yaml:1:9: a mapping of labels belongs here, such as {env: production}, not a "
            "list\n"},
           {"output: {type: stdout}\n",
            "x.yaml:1:9: a list of outputs belongs here, each with a dash (- type: stdout), not a "
            "mapping\n"},
           {"output: [stdout]\n",
            "x.yaml:1:10: an output is a mapping, such as {type: stdout}, not 'stdout'\n"},
           {"process: {hash: \"on\"}\n", "x.yaml:1:17: 'on' is neither on nor off\n"},
           {"log: {level: {a: b}}\n",
            "x.yaml:1:14: a word (debug, info, warning, error) belongs here, not a mapping\n"}})
    EXPECT_EQ(errors_of(row.yaml), row.said);
}

TEST(Settings, RefuseBadValues) {
  for (const Wrong& row : std::initializer_list<Wrong>{
           {"sensor: {id: \"\"}", "x.yaml:1:14: the text is empty\n"},
           {"sensor: {id: \"a\\tb\"}", "x.yaml:1:14: the text holds control characters\n"},
           {"capture: {hook: cgruop}",
            "x.yaml:1:17: 'cgruop' is none of auto, cgroup, tc, xdp, clsact; did you mean "
            "'cgroup'?\n"},
           {"capture: {requests_per_flow: 256}", "x.yaml:1:30: '256' is out of range: 0 to 255\n"},
           {"capture: {requests_per_flow: -1}", "x.yaml:1:30: '-1' is no whole number\n"},
           {"capture: {requests_per_flow: 1.5}", "x.yaml:1:30: '1.5' is no whole number\n"},
           {"capture: {requests_per_flow: 99999999999999999999}",
            "x.yaml:1:30: '99999999999999999999' is no whole number\n"},
           {"capture: {ring: {packets: 5MiB}}",
            "x.yaml:1:27: '5MiB' is no power of two; near are 4MiB and 8MiB\n"},
           {"capture: {ring: {packets: 4}}",
            "x.yaml:1:27: '4' has no unit: B, KiB, MiB, GiB, kB, MB, GB\n"},
           {"capture: {ring: {packets: 4mib}}",
            "x.yaml:1:27: 'mib' is no unit of a size (B, KiB, MiB, GiB, kB, MB, GB); did you mean "
            "'MiB'?\n"},
           {"capture: {ring: {packets: 1KiB}}",
            "x.yaml:1:27: '1KiB' is out of range: 64KiB to 1GiB\n"},
           {"limits: {queue: 99999999999GiB}", "x.yaml:1:17: '99999999999GiB' is too large\n"},
           {"limits: {queue: lots}", "x.yaml:1:17: 'lots' is no size; write for example 16MiB\n"},
           {"limits: {syn_rate: 2000}", "x.yaml:1:20: '2000' has no unit: /s\n"},
           {"limits: {syn_rate: 99999999/s}",
            "x.yaml:1:20: '99999999/s' is out of range: 0/s to 10000000/s\n"},
           {"limits: {first_document_after: 5}",
            "x.yaml:1:32: '5' has no unit: us, ms, s, min, h\n"},
           {"limits: {first_document_after: 1h}",
            "x.yaml:1:32: '1h' is out of range: 100ms to 10min\n"},
           {"capture: {interfaces: [kind:uplnk]}",
            "x.yaml:1:24: 'uplnk' is no kind of interface (uplink, veth, bridge, loopback, tunnel, "
            "all); did you "
            "mean 'uplink'?\n"},
           {"capture: {interfaces: [an-interface-of-16]}",
            "x.yaml:1:24: 'an-interface-of-16' is longer than the 15 bytes of an interface's "
            "name\n"},
           {"capture: {interfaces: [a/b, eth0, eth0]}",
            "x.yaml:1:24: 'a/b' can be no interface's name\nx.yaml:1:35: 'eth0' stands twice\n"},
           {"labels: {a.b: c}",
            "x.yaml:1:10: 'a.b' can be no label's key: no blanks, dots or equals signs\n"}})
    EXPECT_EQ(errors_of(row.yaml), row.said);
}

TEST(Settings, RefuseOutputsThatCannotBe) {
  for (const Wrong& row : std::initializer_list<Wrong>{
           {"output: []", "x.yaml:1:9: there must be at least one output\n"},
           {"output: [{format: json}]", "x.yaml:1:10: an output needs a type: stdout, file or tcp\n"},
           {"output: [{type: file}]", "x.yaml:1:10: an output of type file needs a path\n"},
           {"output: [{type: file, path: flows.json}]",
            "x.yaml:1:29: 'flows.json' is no absolute path\n"},
           {"output: [{type: stdout, path: /a}]",
            "x.yaml:1:31: only an output of type file has a path\n"},
           {"output: [{type: stdout}, {type: stdout}]",
            "x.yaml:1:26: two outputs write to stdout\n"},
           {"output: [{type: file, path: /a}, {type: file, path: /a}]",
            "x.yaml:1:53: two outputs write the file '/a'\n"},
           {"output: [{type: tcp}]", "x.yaml:1:10: an output of type tcp needs an address\n"},
           {"output: [{type: stdout, address: \"127.0.0.1:1\"}]",
            "x.yaml:1:34: only an output of type tcp has an address\n"},
           {"output: [{type: tcp, address: \"localhost:5170\"}]",
            "x.yaml:1:31: 'localhost:5170' is no address and port in numbers, such as 192.0.2.1:5170 or "
            "[2001:db8::1]:5170\n"},
           {"output: [{type: tcp, address: \"127.0.0.1:65536\"}]",
            "x.yaml:1:31: '127.0.0.1:65536' is no address and port in numbers, such as 192.0.2.1:5170 or "
            "[2001:db8::1]:5170\n"},
           {"output: [{type: tcp, address: \"127.0.0.1:1\"}, {type: tcp, address: \"127.0.0.1:1\"}]",
            "x.yaml:1:68: two outputs write to 127.0.0.1:1\n"},
           {"output: [{type: stdout, field: all}]",
            "x.yaml:1:25: an output has no key 'field'; did you mean 'fields'?\n"},
           {"output: [{type: stdout, type: file}]",
            "x.yaml:1:25: 'type' stands twice, first in line 1\n"}})
    EXPECT_EQ(errors_of(row.yaml), row.said);
}

TEST(Settings, RefuseDuplicateKeys) {
  EXPECT_EQ(errors_of("log:\n  level: info\nlog:\n  level: error\n"),
            "x.yaml:3:1: 'log' stands twice, first in line 1\n");
  EXPECT_EQ(errors_of("log: {level: info, level: error}"),
            "x.yaml:1:20: 'level' stands twice, first in line 1\n");
  EXPECT_EQ(errors_of("labels: {a: b, a: c}"), "x.yaml:1:16: 'a' stands twice, first in line 1\n");
}

TEST(Settings, RefuseWhatIsNoYamlOrMoreThanIsNeeded) {
  EXPECT_EQ(errors_of("log: {level: info\n").substr(0, 30), "x.yaml:2:1: no valid YAML: end");
  EXPECT_EQ(errors_of("log:\n\tlevel: info\n").substr(0, 9), "x.yaml:2:");
  EXPECT_EQ(errors_of("log: &a {level: info}"),
            "x.yaml:1:6: anchors (&name) are not used in this file\n");
  EXPECT_EQ(errors_of("log: !!map {level: info}"),
            "x.yaml:1:6: tags (tag:yaml.org,2002:map) are not used in this file\n");
  EXPECT_NE(errors_of("a: &x 1\nb: *x\n"), "");
  EXPECT_EQ(errors_of("log:\n---\nlog:\n"),
            "x.yaml:2:1: a second document (---) begins here; one is all there may be\n");
  EXPECT_EQ(errors_of("? [a]\n: b\n"), "x.yaml:1:3: a key must be a word, not a list or mapping\n");
  EXPECT_NE(errors_of(std::string(100'000, '[')), "");
  EXPECT_NE(errors_of(std::string_view("log: {level: info}\0garbage: [", 29)), "");
}

TEST(Settings, TellAllErrorsAtOnceInOrderOfTheirPlace) {
  EXPECT_EQ(errors_of("log: {level: loud}\nfoo: 1\nlimits:\n  queue: 1\n  syn_rate: x\n"),
            "x.yaml:1:14: 'loud' is none of debug, info, warning, error\n"
            "x.yaml:2:1: unknown key 'foo'\n"
            "x.yaml:4:10: '1' has no unit: B, KiB, MiB, GiB, kB, MB, GB\n"
            "x.yaml:5:13: 'x' is no rate; write for example 2000/s\n");
}

// A folder of its own for each test.
struct SettingsFiles : ::testing::Test {
  std::filesystem::path folder;
  void SetUp() override {
    std::string name =
        (std::filesystem::temp_directory_path() / "handprint-config-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string write(const std::string& name, std::string_view text) {
    const std::filesystem::path path = folder / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
};

TEST_F(SettingsFiles, MergeDropInsInOrderOfTheirNames) {
  const std::string main = write("handprint.yaml",
                                 "labels: {env: test, site: fra1}\n"
                                 "limits: {syn_rate: 1/s, hello_rate: 1/s}\n"
                                 "capture: {interfaces: [eth0, eth1]}\n");
  const std::string second =
      write("conf.d/20-b.yaml", "limits: {syn_rate: 20/s}\nlabels: {env: production}\n");
  const std::string first = write("conf.d/10-a.yml",
                                  "limits: {syn_rate: 10/s, hello_rate: 10/s}\n"
                                  "capture: {interfaces: [wlan0]}\n");
  write("conf.d/README", "not: yaml: at: all");
  write("conf.d/.hidden.yaml", "nor: this");
  const SettingsResult result = load_settings(main);
  EXPECT_EQ(errors_of(result), "");
  EXPECT_EQ(result.files, (std::vector<std::string>{main, first, second}));
  EXPECT_EQ(result.settings.limits.syn_rate, 20u);
  EXPECT_EQ(result.settings.limits.hello_rate, 10u);
  EXPECT_EQ(result.settings.capture.interfaces, std::vector<std::string>{"wlan0"})
      << "lists are replaced";
  EXPECT_EQ(result.settings.labels, (std::vector<std::string>{"env=production", "site=fra1"}));
}

TEST_F(SettingsFiles, NameTheFileThatIsWrong) {
  const std::string main = write("handprint.yaml", "log: {level: loud}\n");
  const std::string drop_in = write("conf.d/a.yaml", "\nfoo: 1\n");
  const SettingsResult result = load_settings(main);
  EXPECT_EQ(errors_of(result), main + ":1:14: 'loud' is none of debug, info, warning, error\n" +
                                   drop_in + ":2:1: unknown key 'foo'\n");
}

TEST_F(SettingsFiles, SayWhyAFileCannotBeRead) {
  const std::string missing = (folder / "none.yaml").string();
  EXPECT_EQ(errors_of(load_settings(missing)),
            missing + ": cannot be opened: No such file or directory\n");
  EXPECT_EQ(errors_of(load_settings(folder.string())),
            folder.string() + ": cannot be read: Is a directory\n");
  const std::string large = write("large.yaml", std::string(2 << 20, '#'));
  EXPECT_EQ(errors_of(load_settings(large)), large + ": is larger than 1 MiB: no configuration\n");
}

TEST(SettingsText, ShowsWhatHoldsSoThatItReadsAgain) {
  EXPECT_EQ(good(show_settings(default_settings())), default_settings());
  const Settings s = good(R"(
sensor: {id: "a: \"b\" # c"}
labels: {env: "x: y", quote: "\"", empty: "", tilde: "~", no: "null"}
capture: {hook: xdp, interfaces: ["*", "[ab]*", "kind:all"], ring: {packets: 64KiB}}
limits: {first_document_after: 1500ms, queue: 100001B}
output: [{type: file, path: "/var/log/a b.json"}]
)");
  EXPECT_EQ(good(show_settings(s)), s) << show_settings(s);
}

TEST(SettingsText, HidesSecrets) {
  struct Password final : SettingKey {
    void read(const YamlNode&, Problems&, Settings&) const override {}
    std::string show(const Settings& settings) const override { return settings.sensor.id; }
    bool same(const Settings&, const Settings&) const override { return true; }
    std::string describe() const override { return ""; }
    std::string schema() const override { return ""; }
  } password;
  Settings settings;
  settings.sensor.id = "hunter2";
  EXPECT_EQ(shown_value(password, settings), "hunter2");
  password.secret = true;
  EXPECT_EQ(shown_value(password, settings), "\"***\"");
  settings.sensor.id.clear();
  EXPECT_EQ(shown_value(password, settings), "") << "not set";
}

TEST(SettingsText, TheExampleHoldsEveryKeyAtItsDefault) {
  const std::string example = settings_example();
  EXPECT_EQ(good(example), default_settings());
  // With every key taken out of its comment the file must still say the defaults.
  std::string live;
  size_t keys = 0;
  for (size_t at = 0; at < example.size();) {
    const size_t end = example.find('\n', at);
    std::string line = example.substr(at, end - at);
    const size_t hash = line.find('#');
    if (hash != std::string::npos && hash + 1 < line.size() && line[hash + 1] != ' ') {
      line.erase(hash, 1);
      ++keys;
    }
    live += line + "\n";
    EXPECT_LE(line.size(), 100u) << line;
    at = end + 1;
  }
  EXPECT_EQ(keys, setting_keys().size());
  Settings expected = default_settings();
  expected.sensor.id = "sensor-myhost";
  EXPECT_EQ(good(live), expected);
}

TEST(SettingsText, TheSchemaNamesEveryKey) {
  const auto schema = nlohmann::json::parse(settings_schema());
  for (const auto& key : setting_keys()) {
    const nlohmann::json* at = &schema;
    std::string_view rest = key->path;
    while (!rest.empty()) {
      const size_t dot = rest.find('.');
      const std::string name(rest.substr(0, dot));
      ASSERT_TRUE(at->contains("properties") && (*at)["properties"].contains(name)) << key->path;
      EXPECT_EQ((*at)["additionalProperties"], false);
      at = &(*at)["properties"][name];
      rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    }
    EXPECT_TRUE(at->contains("type") || at->contains("enum")) << key->path;
  }
}

TEST(SettingsText, CommittedFilesAreWhatIsGenerated) {
  const auto committed = [](const char* name) {
    std::ifstream file(std::string(HP_SOURCE_DIR "/docs/") + name, std::ios::binary);
    EXPECT_TRUE(file) << name << " is missing";
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  const char* advice = "stale: build the target config_doc and write its output there";
  EXPECT_EQ(committed("configuration.md"), settings_reference()) << advice;
  EXPECT_EQ(committed("handprint.example.yaml"), settings_example()) << advice;
  EXPECT_EQ(committed("configuration.schema.json"), settings_schema()) << advice;
}

TEST(SettingsChange, TellsWhatAReloadCanDo) {
  const Settings before = default_settings();
  EXPECT_FALSE(changed_settings(before, before).any());
  Settings after = before;
  after.log.level = LogLevel::debug;
  after.limits.syn_rate = 1;
  after.capture.ring.packets *= 2;
  after.sensor.id = "other";
  const SettingsChange change = changed_settings(before, after);
  EXPECT_EQ(change.reloadable, (std::vector<std::string_view>{"limits.syn_rate", "log.level"}));
  EXPECT_EQ(change.needs_restart,
            (std::vector<std::string_view>{"sensor.id", "capture.ring.packets"}));
}

}  // namespace
}  // namespace handprint
