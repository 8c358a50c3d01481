# SPDX-License-Identifier: Apache-2.0
find_package(doctest 2.4.9 REQUIRED)

# The transports of this build.
get_directory_property(SYMMEM_TESTED_TRANSPORTS
  DIRECTORY ${PROJECT_SOURCE_DIR}/transports DEFINITION SYMMEM_TRANSPORTS)

# symmem_add_test_program(<target> SOURCES a_test.cpp ... [LINK target ...])
#
# Makes a program of doctest test cases, with the inner parts of the library and the harness.
function(symmem_add_test_program target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE symmem_harness symmem_objects ${arg_LINK})
  # doctest's assertions are slow to optimise and to instrument: this takes a fourth of the time.
  set_source_files_properties(${arg_SOURCES} PROPERTIES COMPILE_OPTIONS
    "-O0;-fno-sanitize=null,alignment,object-size")
endfunction()

# symmem_add_tests(<name> SOURCES a_test.cpp ... [USES_UCX b_test.cpp ...] [LABELS label ...]
#                  [PROCESSES n] [LINK target ...])
#
# Makes the program <name>_tests and, for each source file, one ctest entry <name>.<file without
# _test>: a process start costs seconds under sanitizers, so test cases do not get one each.
# USES_UCX: more sources, in whose tests UCX takes part where there is one. They also have the label
# ucx, by which they are run with another UCX. LABELS: by default the part of <name> before the
# first "_". PROCESSES: how many busy processes a test starts; ctest -j then leaves it as many
# processors. Exit code 77 means skipped.
function(symmem_add_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PROCESSES" "SOURCES;USES_UCX;LABELS;LINK")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "symmem_add_tests(${name}): unknown ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_SOURCES AND NOT arg_USES_UCX)
    return()
  endif()
  if(NOT arg_LABELS)
    string(REGEX REPLACE "_.*" "" arg_LABELS ${name})
  endif()
  if(NOT arg_PROCESSES)
    set(arg_PROCESSES 1)
  endif()
  symmem_add_test_program(${name}_tests SOURCES ${arg_SOURCES} ${arg_USES_UCX} LINK ${arg_LINK})
  foreach(source IN LISTS arg_SOURCES arg_USES_UCX)
    cmake_path(GET source STEM stem)
    string(REGEX REPLACE "_test$" "" entry ${stem})
    add_test(NAME ${name}.${entry} COMMAND ${name}_tests "--source-file=*/${stem}.cpp")
    set(labels ${arg_LABELS})
    if(source IN_LIST arg_USES_UCX)
      list(APPEND labels ucx)
    endif()
    set_tests_properties(${name}.${entry} PROPERTIES
      LABELS "${labels}" PROCESSORS ${arg_PROCESSES} TIMEOUT 300 SKIP_RETURN_CODE 77)
  endforeach()
endfunction()
