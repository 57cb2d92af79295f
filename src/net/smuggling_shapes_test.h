#pragma once
// The known shapes of requests that two readers could take for different ones, as data: for net's own test and for the
// comparison with other servers (tests/differential). Each is followed by `follower`, which must never be read as a
// request after a shape that is refused.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace barrio::net::test {

inline constexpr std::string_view follower = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Refused. `in_body`: only once the head was accepted.
struct Refused {
  const char* name;
  std::string bytes;
  int status;
  bool in_body = false;
};

/// Accepted, and read as exactly this: "METHOD target [body]" for each, the follower not counted.
struct Accepted {
  const char* name;
  std::string bytes;
  std::string read;
  bool ends = false;  // the connection ends after it
};

std::vector<Refused> refused_shapes();
std::vector<Accepted> accepted_shapes();

}  // namespace barrio::net::test
