// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace handprint {

// The process that reads what others wrote: rings, flows, records, outputs. It has no capability,
// opens no file and starts nothing; everything it works with is handed to it. Ends with the loader.
// Result: the program's exit code.
int worker_main();

}  // namespace handprint
