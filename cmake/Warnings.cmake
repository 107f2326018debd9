# Every target of ours links hp_warnings: warnings are errors, and includes are written from the root.
add_library(hp_warnings INTERFACE)
target_compile_options(hp_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Werror)
target_include_directories(hp_warnings INTERFACE ${CMAKE_SOURCE_DIR})
