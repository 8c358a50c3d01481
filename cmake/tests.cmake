# SPDX-License-Identifier: Apache-2.0
find_package(doctest 2.4.9 REQUIRED)

# Sets <variable> to the value of SYMMEM_TRANSPORT_<fact> of a transport
# (transports/CMakeLists.txt).
function(symmem_transport_fact variable transport fact)
  get_directory_property(value DIRECTORY ${PROJECT_SOURCE_DIR}/transports/${transport}
    DEFINITION SYMMEM_TRANSPORT_${fact})
  set(${variable} ${value} PARENT_SCOPE)
endfunction()

# SYMMEM_TESTED_TRANSPORTS: all transports of this build. SYMMEM_TESTED_NETWORKS: the transports
# that connect ranks on different hosts.
get_directory_property(SYMMEM_TESTED_TRANSPORTS
  DIRECTORY ${PROJECT_SOURCE_DIR}/transports DEFINITION SYMMEM_TRANSPORTS)
set(SYMMEM_TESTED_NETWORKS "")
foreach(transport IN LISTS SYMMEM_TESTED_TRANSPORTS)
  symmem_transport_fact(is_network ${transport} IS_NETWORK)
  if(is_network)
    list(APPEND SYMMEM_TESTED_NETWORKS ${transport})
  endif()
endforeach()

# symmem_add_test_program(<target> SOURCES a_test.cpp ... [LINK target ...])
#
# Adds a program with doctest test cases that links the objects of the library and the harness.
function(symmem_add_test_program target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE symmem_harness symmem_objects ${arg_LINK})
  # Compiling doctest's assertions with optimisation and instrumentation is slow; these flags save
  # 3/4 of the time.
  set_source_files_properties(${arg_SOURCES} PROPERTIES COMPILE_OPTIONS
    "-O0;-fno-sanitize=null,alignment,object-size")
endfunction()

# symmem_add_tests(<name> SOURCES a_test.cpp ... [USES_NETWORK b_test.cpp ...]
#                  [NEEDS_NETWORK c_test.cpp ...] [LABELS label ...] [PROCESSES n] [LINK target ...])
#
# Adds the program <name>_tests and, for each source file, one ctest entry <name>.<file without
# _test>. The test cases of a file share an entry, because starting a process takes seconds under
# sanitizers. USES_NETWORK: sources whose tests use a network transport if the build has a network
# transport. NEEDS_NETWORK: sources that are built only in this case. Both have the label network,
# which selects the tests to repeat with another version of the network library. LABELS: the default
# is the part of <name> before the first "_". PROCESSES: number of busy processes that a test
# starts; ctest -j reserves as many processors. Exit code 77 means that the test was skipped.
function(symmem_add_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PROCESSES"
    "SOURCES;USES_NETWORK;NEEDS_NETWORK;LABELS;LINK")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "symmem_add_tests(${name}): unknown ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(network ${arg_USES_NETWORK})
  if(SYMMEM_TESTED_NETWORKS)
    list(APPEND network ${arg_NEEDS_NETWORK})
  endif()
  if(NOT arg_LABELS)
    string(REGEX REPLACE "_.*" "" arg_LABELS ${name})
  endif()
  if(NOT arg_PROCESSES)
    set(arg_PROCESSES 1)
  endif()
  symmem_add_test_program(${name}_tests SOURCES ${arg_SOURCES} ${network} LINK ${arg_LINK})
  foreach(source IN LISTS arg_SOURCES network)
    cmake_path(GET source STEM stem)
    string(REGEX REPLACE "_test$" "" entry ${stem})
    add_test(NAME ${name}.${entry} COMMAND ${name}_tests "--source-file=*/${stem}.cpp")
    set(labels ${arg_LABELS})
    if(source IN_LIST network)
      list(APPEND labels network)
    endif()
    set_tests_properties(${name}.${entry} PROPERTIES
      LABELS "${labels}" PROCESSORS ${arg_PROCESSES} TIMEOUT 300 SKIP_RETURN_CODE 77)
  endforeach()
endfunction()
