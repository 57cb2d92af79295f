# Precompiled headers, for clang: what most rooms and tests read of the libraries, a quarter to a half of the time that it takes to compile
# them without optimising. g++ would save a tenth. Only what stands outside of the project, which hardly ever changes; rooms still include
# what they use. <filesystem> is not among them: it brings <iomanip>, and with it a std::quoted that is found for every string.

set(ROOM_HEADERS
  <algorithm> <array> <atomic> <charconv> <chrono> <cmath> <cstring> <deque> <fstream> <functional> <map> <memory> <mutex> <optional>
  <set> <span> <sstream> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector>
  <boost/describe.hpp> <boost/json.hpp> <boost/mp11.hpp> <fmt/format.h> <tl/expected.hpp>)

# barrio_headers(NAME HEADERS...): library NAME, which is compiled as its users are
function(barrio_headers name)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/headers.cpp CONTENT "" @ONLY)
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/headers.cpp)
  target_link_libraries(${name} PRIVATE fmt::fmt Boost::json)
  target_precompile_headers(${name} PRIVATE ${ARGN})
  # For ccache: it is the same each time that it is made, and holds paths of the working tree, so it is of no use to another one.
  target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  set_target_properties(${name} PROPERTIES CXX_COMPILER_LAUNCHER "")
endfunction()

# Gives TARGET the headers NAME.
function(barrio_use_headers target name)
  if(TARGET ${name})
    target_precompile_headers(${target} REUSE_FROM ${name})
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

barrio_headers(headers ${ROOM_HEADERS})
barrio_headers(test_headers ${ROOM_HEADERS} <doctest/doctest.h> <rapidcheck.h>)
if(TARGET test_headers)
  target_link_libraries(test_headers PRIVATE rapidcheck)
  target_compile_definitions(test_headers PRIVATE DOCTEST_CONFIG_NO_TRY_CATCH_IN_ASSERTS)
endif()
