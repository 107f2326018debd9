# Flags of the whole build: hardening for what is shipped, sanitizers for the clang build.
include(CheckPIESupported)
check_pie_supported()

# No path of the building machine in what is shipped.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

if(HP_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  add_link_options(-fsanitize=address,undefined)
  if(HP_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
else()
  # _FORTIFY_SOURCE needs an optimising build; a packager's own level is kept.
  add_compile_options($<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>
                      -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    add_compile_options(-fcf-protection)
  endif()
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()

# hp_portable_runtime: link it into a program that is shipped. libstdc++ goes in statically (GCC 12's
# would ask RHEL 9 for GLIBCXX_3.4.30); libgcc_s stays dynamic, since its archive asks for GLIBC_2.35.
add_library(hp_portable_runtime INTERFACE)
if(NOT HP_SANITIZE)
  target_sources(hp_portable_runtime INTERFACE ${CMAKE_CURRENT_LIST_DIR}/runtime/arc4random.c)
  target_link_options(hp_portable_runtime INTERFACE -static-libstdc++)
endif()
