// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/tls_extension.h"

namespace handprint {

Bytes ExtensionList::remainder() const {
  Bytes rest = block_;
  while (rest.size() >= 4) {
    size_t length = load_u16(rest.data() + 2);
    if (length > rest.size() - 4) break;
    rest = rest.subspan(4 + length);
  }
  return rest;
}

}  // namespace handprint
