// SPDX-License-Identifier: Apache-2.0
#include "record/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "record/utf8.h"

namespace handprint {
namespace {

std::string json_of(std::string_view text) {
  std::string out;
  JsonText json(out);
  json.string(text);
  json.done();
  return out;
}

// What docs/fields.md tells a reader to do: U+EFXX stands for byte XX.
std::string original(const std::string& json) {
  std::string out;
  const std::string text = nlohmann::json::parse(json).get<std::string>();
  for (std::string_view rest = text; !rest.empty();) {
    const Utf8Character character = utf8_front(rest);
    if (character.code >= 0xef80 && character.code <= 0xefff) {
      out += static_cast<char>(character.code & 0xff);
    } else {
      out += rest.substr(0, character.length);
    }
    rest.remove_prefix(character.length);
  }
  return out;
}

TEST(JsonText, LeavesTextAlone) {
  EXPECT_EQ(json_of(""), "\"\"");
  EXPECT_EQ(json_of("Mozilla/5.0 (X11; Linux)"), "\"Mozilla/5.0 (X11; Linux)\"");
  EXPECT_EQ(json_of("grüße, 世界 🖐"), "\"grüße, 世界 🖐\"");
}

TEST(JsonText, EscapesWhatJsonAndTerminalsWouldAct) {
  EXPECT_EQ(json_of("a\"b\\c/"), R"("a\"b\\c/")");
  EXPECT_EQ(json_of("\b\f\n\r\t\v"), R"("\b\f\n\r\t\u000b")");
  EXPECT_EQ(json_of(std::string_view("\0\x1b\x7f", 3)), R"("\u0000\u001b\u007f")");
  EXPECT_EQ(json_of("\xc2\x9b"), R"("\u009b")");
}

TEST(JsonText, WritesBytesThatAreNoUtf8AsPrivateCharacters) {
  EXPECT_EQ(json_of("\xff"), R"("\uefff")");
  EXPECT_EQ(json_of("ab\x80z"), R"("ab\uef80z")");
  EXPECT_EQ(json_of("\xc0\xaf"), R"("\uefc0\uefaf")") << "overlong";
  EXPECT_EQ(json_of("\xed\xa0\x80"), R"("\uefed\uefa0\uef80")") << "surrogate";
  EXPECT_EQ(json_of("\xf4\x90\x80\x80"), R"("\ueff4\uef90\uef80\uef80")") << "beyond U+10FFFF";
  EXPECT_EQ(json_of("\xe2\x82"), R"("\uefe2\uef82")") << "ends early";
}

TEST(JsonText, KeepsItsPrivateCharactersApartFromTheInputs) {
  EXPECT_EQ(json_of("\xee\xbe\xbf"), R"("\uefee\uefbe\uefbf")") << "U+EFBF in the input";
  EXPECT_EQ(original(json_of("\xee\xbe\xbf")), "\xee\xbe\xbf");
}

TEST(JsonText, GivesBackAnyBytes) {
  std::mt19937 random(1);
  const std::string_view pieces[] = {"a",    "plain text", "\"",   "\\",           "\n",
                                     "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x96\x90", "\xee\xbe\x80", "\xff",
                                     "\xc3", "\xe2\x82",     "\x7f", "\xc2\x80"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto left = random() % 24; left > 0; --left) {
      if (random() % 4 == 0) {
        text += static_cast<char>(random());
      } else {
        text += pieces[random() % std::size(pieces)];
      }
    }
    ASSERT_EQ(original(json_of(text)), text);
  }
}

TEST(JsonText, FindsASpecialByteAtAnyPlace) {
  for (size_t size = 1; size < 40; ++size)
    for (size_t place = 0; place < size; ++place)
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, 'x');
        text[place] = static_cast<char>(byte);
        ASSERT_EQ(original(json_of(text)), text);
      }
}

TEST(JsonText, WritesNumbers) {
  std::string out;
  JsonText json(out);
  for (uint64_t value : {uint64_t{0}, uint64_t{10}, UINT64_MAX}) {
    json.number(value);
    json.raw(' ');
  }
  json.done();
  EXPECT_EQ(out, "0 10 18446744073709551615 ");
}

}  // namespace
}  // namespace handprint
