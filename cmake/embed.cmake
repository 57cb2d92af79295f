# cmake -DROOT=folder -DLIST=file of paths -DOUTPUT=x.cpp -P embed.cmake: writes console_assets() with every listed file.
# The bytes are a string literal of hexadecimal escapes, which compiles many times faster than a list of numbers.

set(type_html "text/html; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_svg "image/svg+xml")
set(type_txt "text/plain; charset=utf-8")

file(STRINGS ${LIST} files)
list(SORT files)
set(rows "")
foreach(file IN LISTS files)
  file(RELATIVE_PATH path ${ROOT} ${file})
  if(path STREQUAL "not_built.html")
    set(path "index.html")
  endif()
  string(REGEX MATCH "[^.]*$" extension "${path}")
  if(NOT DEFINED type_${extension})
    message(FATAL_ERROR "console: ${path} has a type that cmake/embed.cmake does not know")
  endif()
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${hex}")
  string(APPEND rows "    {\"/${path}\"sv, \"${type_${extension}}\"sv,\n     \"${bytes}\"sv},\n")
endforeach()

file(WRITE ${OUTPUT} "// Written by cmake/embed.cmake from the files of the console.
#include \"console_assets/console_assets.h\"

namespace barrio::console {
namespace {

using namespace std::string_view_literals;

constexpr Asset assets[] = {
${rows}};

}  // namespace

std::span<const Asset> console_assets() { return assets; }

}  // namespace barrio::console
")
