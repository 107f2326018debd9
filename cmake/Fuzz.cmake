# hp_fuzz_target(NAME SOURCES file… [LIBS target…]): the libFuzzer program fuzz_NAME, built only in the
# clang build (HP_SANITIZE and HP_FUZZ). Its committed seeds stand in tests/fuzz/corpus/NAME/.
function(hp_fuzz_target name)
  if(NOT HP_FUZZ)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 fuzz "" "" "SOURCES;LIBS")
  add_executable(fuzz_${name} ${fuzz_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE hp_warnings ${fuzz_LIBS})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fuzz)
endfunction()
