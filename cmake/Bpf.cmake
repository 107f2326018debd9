# hp_bpf_skeleton(NAME SOURCE): compiles SOURCE with the pinned clang for the BPF target and makes
# NAME.skel.h; link the interface target NAME_skel to include it.
find_program(HP_CLANG_BPF NAMES clang-16 REQUIRED)
find_program(HP_LLVM_STRIP NAMES llvm-strip-16 REQUIRED)
find_program(HP_BPFTOOL NAMES bpftool PATHS /usr/sbin REQUIRED)
function(hp_bpf_skeleton name source)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${HP_CLANG_BPF} -target bpf -mcpu=v2 -O2 -g -std=gnu11 -Wall -Wextra -Werror
            -Wno-unused-parameter -D__TARGET_ARCH_x86 -I${CMAKE_SOURCE_DIR} -I/usr/include
            -fdebug-prefix-map=${CMAKE_SOURCE_DIR}=. -MD -MF ${object}.d
            -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
    COMMAND ${HP_LLVM_STRIP} -g ${object}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source}
    DEPFILE ${object}.d
    VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND sh -c "${HP_BPFTOOL} gen skeleton ${object} name ${name} > ${skeleton}.new && mv ${skeleton}.new ${skeleton}"
    DEPENDS ${object}
    VERBATIM)
  add_custom_target(${name}_skel_gen DEPENDS ${skeleton})
  add_library(${name}_skel INTERFACE)
  add_dependencies(${name}_skel ${name}_skel_gen)
  target_include_directories(${name}_skel SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${name}_skel INTERFACE hp_dep_bpf)
endfunction()
