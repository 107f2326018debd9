// SPDX-License-Identifier: Apache-2.0
#include "record/quic_names.h"

#include "fingerprint/registry.h"

namespace handprint {

std::string_view quic_parameter_name(uint64_t id) {
  return code_name(Registry::quic_parameter, id);
}

}  // namespace handprint
