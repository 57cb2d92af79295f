# Library console_assets: the files of console/dist inside the binary. Node is not needed here: where the console was not
# built (scripts/build-console.sh), the page src/console_assets/not_built.html stands in its place.

set(CONSOLE_DIST ${CMAKE_SOURCE_DIR}/console/dist)
# Globbed again at each build: file names carry hashes, so a new build of the console is a new list.
file(GLOB_RECURSE console_files CONFIGURE_DEPENDS ${CONSOLE_DIST}/*)
set(CONSOLE_ROOT ${CONSOLE_DIST})
if(NOT EXISTS ${CONSOLE_DIST}/index.html)
  set(CONSOLE_ROOT ${CMAKE_SOURCE_DIR}/src/console_assets)
  set(console_files ${CONSOLE_ROOT}/not_built.html)
endif()

set(CONSOLE_CPP ${CMAKE_BINARY_DIR}/console/embedded.cpp)
string(REPLACE ";" "\n" console_list "${console_files}")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/console/files.txt CONTENT "${console_list}\n" @ONLY)
add_custom_command(
  OUTPUT ${CONSOLE_CPP}
  COMMAND ${CMAKE_COMMAND} -DROOT=${CONSOLE_ROOT} -DLIST=${CMAKE_BINARY_DIR}/console/files.txt -DOUTPUT=${CONSOLE_CPP}
          -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
  DEPENDS ${console_files} ${CMAKE_BINARY_DIR}/console/files.txt ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
  COMMENT "Embedding the console" VERBATIM)

barrio_room(console_assets console_assets)
target_sources(console_assets PRIVATE ${CONSOLE_CPP})
if(TARGET cli)
  get_target_property(cli_type cli TYPE)
  if(cli_type STREQUAL "INTERFACE_LIBRARY")
    target_link_libraries(cli INTERFACE console_assets)
  else()
    target_link_libraries(cli PUBLIC console_assets)
  endif()
endif()
