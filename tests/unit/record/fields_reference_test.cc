// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "record/field.h"

namespace handprint {
namespace {

TEST(FieldsReference, IsWhatIsCommitted) {
  std::ifstream file(HP_SOURCE_DIR "/docs/fields.md", std::ios::binary);
  ASSERT_TRUE(file) << "docs/fields.md is missing";
  const std::string committed{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(committed, fields_reference())
      << "docs/fields.md is stale: build the target fields_doc and write its output there";
}

TEST(Catalogue, HasEachPathOnceAndNoneInsideAnother) {
  std::set<std::string_view> paths;
  for (const Field& field : fields()) EXPECT_TRUE(paths.insert(field.path).second) << field.path;
  for (std::string_view path : paths)
    for (size_t dot = path.rfind('.'); dot != std::string_view::npos; dot = path.rfind('.', dot - 1)) {
      EXPECT_FALSE(paths.contains(path.substr(0, dot))) << path << " lies inside a field with a value";
      if (dot == 0) break;
    }
}

TEST(Catalogue, HoldsEveryKindOfFingerprint) {
  for (const KindRow& kind : kinds) {
    size_t found = 0;
    for (const Field& field : fields()) found += field.path == kind.record_path;
    EXPECT_EQ(found, 1u) << kind.name;
  }
}

TEST(Catalogue, ExplainsEveryFieldInOneLine) {
  for (const Field& field : fields()) {
    EXPECT_FALSE(field.text.empty()) << field.path;
    EXPECT_EQ(field.text.find_first_of("\n|"), std::string_view::npos) << field.path;
  }
}

}  // namespace
}  // namespace handprint
