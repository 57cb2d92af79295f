#pragma once
// Keys of session tickets. They follow from a secret and the time, so gateways that share the secret resume each
// other's sessions without talking. Private to net/tls_*.cpp; thread-safe.

#include <openssl/ssl.h>

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "net/tls.h"

namespace barrio::net {

struct TicketKey {
  uint64_t epoch = 0;
  std::array<unsigned char, 16> name{};  // the epoch in clear, and a part that only the secret's holders know
  std::array<unsigned char, 32> encrypt{};
  std::array<unsigned char, 32> sign{};
};

/// HKDF-SHA256 of the secret.
TicketKey derive_ticket_key(std::string_view secret, uint64_t epoch);

class TicketKeys {
 public:
  explicit TicketKeys(const TlsTickets& settings);
  /// Makes `context` encrypt and decrypt its tickets with these keys, which must outlive it.
  void serve(SSL_CTX* context);
  TicketKey current(WallTime now);
  /// The key of that name, if it is the current one, the one before or (clocks differ) the next.
  std::optional<TicketKey> find(const unsigned char name[16], WallTime now);

  std::function<WallTime()> wall;

 private:
  uint64_t epoch_at(WallTime now) const;
  TicketKey key_of(uint64_t epoch);
  static int seal_or_open(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                          int seal);

  const std::string secret_;
  const std::chrono::milliseconds rotation_;
  std::mutex mutex_;
  std::array<std::optional<TicketKey>, 4> known_;  // under mutex_; by epoch
};

}  // namespace barrio::net
