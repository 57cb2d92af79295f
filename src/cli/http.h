#pragma once
// Blocking HTTP for commands: net's client on a reactor that turns only while a call is in flight.

#include "net/client.h"

namespace barrio::cli {

class Http {
 public:
  Http() : client_(reactor_, net::ClientLimits{}) {}
  /// Errors: as net::Client's.
  Result<net::Response> call(const net::Endpoint& server, net::Request request, Duration within = 10s);
  /// An answer that comes in pieces, as long as it is 200 and until it ends or `until`; any other answer as a whole.
  Result<net::Response> follow(const net::Endpoint& server, const net::Request& request, Time until,
                               const std::function<void(std::string_view)>& piece);
  Time now() { return reactor_.fresh_now(); }
  void pause_until(Time until) {
    while (now() < until) reactor_.turn(until - reactor_.now());
  }

 private:
  net::Reactor reactor_;
  net::Client client_;
};

/// "http://127.0.0.1:8080", "127.0.0.1:8080" or "https://127.0.0.1:8443"; numeric addresses only. `ca`: a PEM file with
/// whom to trust; empty: the system's. Errors: invalid, not_found (the file).
Result<net::Endpoint> parse_url(const std::string& url, const std::string& ca = "");

/// An answer that is not a success as an Error: the problem's detail, reason and what would be nearest.
Error problem(const net::Response& response);

}  // namespace barrio::cli
