// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace handprint {

// The process that answers "who is process P": it reads /proc and executables, with CAP_SYS_PTRACE
// and CAP_DAC_READ_SEARCH and no network. Ends with the loader. Result: the program's exit code.
int procinfo_main();

}  // namespace handprint
