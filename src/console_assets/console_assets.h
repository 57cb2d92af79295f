#pragma once
// The files of the web console, as they were built from console/ into this binary: served by whoever hands them out,
// with no file on disk. Where the console was not built, one plain page that says how to build it.

#include <span>
#include <string_view>

namespace barrio::console {

/// One file. Views into the binary, valid for ever.
struct Asset {
  std::string_view path;          // as asked for: "/index.html", "/assets/app-1a2b3c4d5e.js"
  std::string_view content_type;  // "text/html; charset=utf-8"
  std::string_view bytes;
};

/// Every file, sorted by path; "/index.html" is always among them.
std::span<const Asset> console_assets();

/// The file for a request's path ("/" is "/index.html"), or null. Files under /assets/ whose names carry a hash of
/// their content never change under that name.
const Asset* find_asset(std::string_view path);

/// What a page of the console may load: itself and its own origin, nothing else. The value of Content-Security-Policy,
/// to which control adds where its other members are (control/consoles.h).
inline constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

}  // namespace barrio::console
