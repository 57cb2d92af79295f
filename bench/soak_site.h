#pragma once
// A site in a process of its own: one real gateway and one replica behind a Unix socket. Its memory and descriptors are
// what bench/soak watches.

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "net/address.h"

namespace barrio::soak {

struct Footprint {
  int64_t rss_kib = 0;
  int64_t descriptors = 0;
};

class SiteProcess {
 public:
  /// Forks: call it before anything else runs. Errors: unavailable.
  static Result<SiteProcess> start();
  SiteProcess(SiteProcess&& other) noexcept;
  SiteProcess& operator=(SiteProcess&&) = delete;
  ~SiteProcess();

  const net::SocketAddress& gateway() const { return gateway_; }
  const std::string& token() const { return token_; }
  bool alive() const;
  Footprint footprint() const;

 private:
  SiteProcess(pid_t pid, net::SocketAddress gateway, std::string token)
      : pid_(pid), gateway_(gateway), token_(std::move(token)) {}
  pid_t pid_;
  net::SocketAddress gateway_;
  std::string token_;
};

}  // namespace barrio::soak
