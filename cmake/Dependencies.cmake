# What comes from the distribution, at the versions of Debian 12 or newer. Folders link the hp_dep_*
# targets below and nothing else, so that the linking recipe stands in one place:
#   dynamic          libc, libgcc_s, libcrypto, libz, libsystemd: a hole there is the distribution's to mend
#   static           libbpf, libelf, libseccomp, libyaml-cpp, libpcap: their sonames differ between Debian 12, 13 and Ubuntu
#   header-only      spdlog with fmt, nlohmann-json, CLI11
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto SSL)
find_package(ZLIB 1.2.11 REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
pkg_check_modules(HP_LIBBPF REQUIRED libbpf>=1.1)
pkg_check_modules(HP_LIBELF REQUIRED libelf>=0.180)
pkg_check_modules(HP_LIBPCAP REQUIRED libpcap>=1.10)
pkg_check_modules(HP_NGHTTP2 REQUIRED libnghttp2>=1.40)
pkg_check_modules(HP_YAML_CPP REQUIRED yaml-cpp>=0.7)
pkg_check_modules(HP_SPDLOG REQUIRED spdlog>=1.9)
pkg_check_modules(HP_FMT REQUIRED fmt>=8)
pkg_check_modules(HP_SECCOMP REQUIRED libseccomp>=2.5)
pkg_check_modules(HP_SYSTEMD REQUIRED libsystemd>=247)

# hp_dependency(NAME [STATIC archive…] [HEADER header] [LINK item…] [DEFINE definition…])
# Archives and headers are looked up by name; one that is missing ends the configuration with its name.
function(hp_dependency name)
  cmake_parse_arguments(PARSE_ARGV 1 dep "" "HEADER" "STATIC;LINK;DEFINE")
  add_library(${name} INTERFACE)
  foreach(archive IN LISTS dep_STATIC)
    string(MAKE_C_IDENTIFIER "HP_ARCHIVE_${archive}" variable)
    find_library(${variable} NAMES ${archive} REQUIRED)
    mark_as_advanced(${variable})
    target_link_libraries(${name} INTERFACE ${${variable}})
  endforeach()
  if(dep_HEADER)
    string(MAKE_C_IDENTIFIER "HP_HEADER_${dep_HEADER}" variable)
    find_path(${variable} NAMES ${dep_HEADER} REQUIRED)
    mark_as_advanced(${variable})
    target_include_directories(${name} SYSTEM INTERFACE ${${variable}})
  endif()
  target_link_libraries(${name} INTERFACE ${dep_LINK})
  target_compile_definitions(${name} INTERFACE ${dep_DEFINE})
endfunction()

hp_dependency(hp_dep_crypto LINK OpenSSL::Crypto)
hp_dependency(hp_dep_nghttp2 HEADER nghttp2/nghttp2.h STATIC libnghttp2.a)
hp_dependency(hp_dep_zlib LINK ZLIB::ZLIB)
# By its file: CMake lets a target come before the archives that need it.
hp_dependency(hp_dep_bpf HEADER bpf/libbpf.h STATIC libbpf.a libelf.a LINK ${ZLIB_LIBRARIES})
# Its filters are made of system call numbers that it was built with, so it goes with the program that
# was tested rather than with the host.
hp_dependency(hp_dep_seccomp HEADER seccomp.h STATIC libseccomp.a)
hp_dependency(hp_dep_yaml HEADER yaml-cpp/yaml.h STATIC libyaml-cpp.a)
hp_dependency(hp_dep_spdlog HEADER spdlog/spdlog.h LINK Threads::Threads
              DEFINE SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)
hp_dependency(hp_dep_json LINK nlohmann_json::nlohmann_json)
hp_dependency(hp_dep_cli11 LINK CLI11::CLI11)
hp_dependency(hp_dep_systemd HEADER systemd/sd-daemon.h LINK ${HP_SYSTEMD_LINK_LIBRARIES})
# Debian's libpcap carries a D-Bus capture module, so its archive needs libdbus, and that libsystemd.
hp_dependency(hp_dep_pcap HEADER pcap/pcap.h STATIC libpcap.a libdbus-1.a
              LINK hp_dep_systemd Threads::Threads)

if(HP_TESTS)
  find_package(GTest 1.11 REQUIRED)
  include(GoogleTest)
endif()
if(HP_BENCH)
  find_package(benchmark 1.6 REQUIRED)
endif()
