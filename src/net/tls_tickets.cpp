#include "net/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/crypto.h"
#include "base/openssl_types.h"

namespace barrio::net {

namespace {

using Kdf = OpensslPtr<EVP_KDF, EVP_KDF_free>;
using KdfContext = OpensslPtr<EVP_KDF_CTX, EVP_KDF_CTX_free>;

void put(std::span<unsigned char, 8> into, uint64_t number) {
  for (size_t i = 0; i < 8; ++i) into[i] = static_cast<unsigned char>(number >> (56 - 8 * i));
}

uint64_t number_in(const unsigned char* bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = number << 8 | bytes[i];
  return number;
}

void expand(std::string_view secret, std::string_view info, std::span<unsigned char> out) {
  const Kdf kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const KdfContext context(EVP_KDF_CTX_new(kdf.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<char*>(secret.data()), secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()), info.size()),
      OSSL_PARAM_construct_end()};
  CHECK(context && EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1);
}

}  // namespace

TicketKey derive_ticket_key(std::string_view secret, uint64_t epoch) {
  std::array<unsigned char, 8> epoch_bytes{};
  put(epoch_bytes, epoch);
  std::string info = "barrio session tickets ";
  info.append(reinterpret_cast<const char*>(epoch_bytes.data()), epoch_bytes.size());
  std::array<unsigned char, 8 + 32 + 32> material{};
  expand(secret, info, material);
  TicketKey key{.epoch = epoch};
  std::copy(epoch_bytes.begin(), epoch_bytes.end(), key.name.begin());
  std::copy_n(material.begin(), 8, key.name.begin() + 8);
  std::copy_n(material.begin() + 8, 32, key.encrypt.begin());
  std::copy_n(material.begin() + 40, 32, key.sign.begin());
  return key;
}

TicketKeys::TicketKeys(const TlsTickets& settings)
    : secret_(settings.secret.empty() ? random_bytes(32) : settings.secret),
      rotation_(std::chrono::duration_cast<std::chrono::milliseconds>(settings.rotation)) {
  CHECK(rotation_ > 0ms);
}

uint64_t TicketKeys::epoch_at(WallTime now) const {
  return static_cast<uint64_t>(std::max<int64_t>(now.time_since_epoch() / rotation_, 1));
}

TicketKey TicketKeys::key_of(uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  std::optional<TicketKey>& slot = known_[epoch % known_.size()];
  if (!slot || slot->epoch != epoch) slot = derive_ticket_key(secret_, epoch);
  return *slot;
}

TicketKey TicketKeys::current(WallTime now) {
  return key_of(epoch_at(now));
}

std::optional<TicketKey> TicketKeys::find(const unsigned char name[16], WallTime now) {
  const uint64_t asked = number_in(name);
  const uint64_t epoch = epoch_at(now);
  if (asked + 1 < epoch || asked > epoch + 1) return std::nullopt;
  const TicketKey key = key_of(asked);
  if (std::memcmp(key.name.data(), name, key.name.size()) != 0) return std::nullopt;
  return key;
}

void TicketKeys::serve(SSL_CTX* context) {
  SSL_CTX_set_app_data(context, this);
  CHECK(SSL_CTX_set_tlsext_ticket_key_evp_cb(context, seal_or_open) == 1);
  // A session does not outlive the key of its ticket.
  SSL_CTX_set_timeout(context, std::max<long>(std::chrono::duration_cast<std::chrono::seconds>(rotation_).count(), 1));
}

/// OpenSSL's contract (SSL_CTX_set_tlsext_ticket_key_evp_cb): -1 failed, 0 no such key, 1 good, 2 good but make a new
/// ticket.
int TicketKeys::seal_or_open(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                             int seal) {
  auto& keys = *static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const WallTime now = keys.wall();
  const TicketKey newest = keys.current(now);
  const std::optional<TicketKey> key = seal == 1 ? newest : keys.find(name, now);
  if (!key) return 0;
  if (seal == 1) {
    std::copy(key->name.begin(), key->name.end(), name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  }
  auto signing = *key;
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, signing.sign.data(), signing.sign.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->encrypt.data(), iv, seal) != 1) return -1;
  if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return -1;
  return key->epoch == newest.epoch ? 1 : 2;
}

}  // namespace barrio::net
