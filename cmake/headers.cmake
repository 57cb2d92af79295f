# Precompiled headers: what most rooms and tests read of the libraries, a third of the time that it takes to compile a small one. Only
# what stands outside of the project, which hardly ever changes; rooms still include what they use.

set(ROOM_HEADERS
  <algorithm> <array> <atomic> <charconv> <chrono> <cmath> <cstring> <deque> <filesystem> <fstream> <functional> <map> <memory> <mutex>
  <optional> <set> <span> <sstream> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector>
  <boost/describe.hpp> <boost/json.hpp> <boost/mp11.hpp> <fmt/format.h> <tl/expected.hpp>)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess)  # for ccache
else()
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")  # the same each time that it is made, for ccache
endif()

# They are compiled as their users are: `headers` as rooms, `test_headers` as rooms' tests.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/headers.cpp CONTENT "" @ONLY)
add_library(headers STATIC ${CMAKE_BINARY_DIR}/headers.cpp)
target_link_libraries(headers PRIVATE fmt::fmt Boost::json)
target_precompile_headers(headers PRIVATE ${ROOM_HEADERS})

add_library(test_headers STATIC ${CMAKE_BINARY_DIR}/headers.cpp)
target_link_libraries(test_headers PRIVATE fmt::fmt Boost::json rapidcheck)
target_compile_options(test_headers PRIVATE $<$<CONFIG:Release>:-O1>)
target_compile_definitions(test_headers PRIVATE DOCTEST_CONFIG_NO_TRY_CATCH_IN_ASSERTS)
target_precompile_headers(test_headers PRIVATE ${ROOM_HEADERS} <doctest/doctest.h> <rapidcheck.h>)

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # clang's holds paths of the working tree that made it: none for another one to find in ccache.
  set_target_properties(headers test_headers PROPERTIES CXX_COMPILER_LAUNCHER "")
endif()
