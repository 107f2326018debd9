// SPDX-License-Identifier: Apache-2.0
// fields_doc: prints docs/fields.md.
#include <cstdio>

#include "record/field.h"

int main() {
  const std::string text = handprint::fields_reference();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}
