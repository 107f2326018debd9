# Every target of ours links hp_warnings: warnings are errors, and includes are written from the root.
add_library(hp_warnings INTERFACE)
target_compile_options(hp_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Werror)
target_include_directories(hp_warnings INTERFACE ${CMAKE_SOURCE_DIR})
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # The same strictness as GCC's -Wconversion in C++, and libbpf's option macros, which GCC lets pass.
  target_compile_options(hp_warnings INTERFACE -Wno-sign-conversion
    -Wno-gnu-statement-expression-from-macro-expansion $<$<COMPILE_LANGUAGE:CXX>:-Wno-c99-extensions>)
endif()
