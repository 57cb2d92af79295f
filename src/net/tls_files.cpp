#include "net/tls_files.h"

#include <openssl/err.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "base/check.h"

namespace barrio::net {

namespace {

constexpr std::streamoff most_bytes = 4 * 1024 * 1024;
/// TLS 1.2: forward secrecy and authenticated encryption only.
constexpr const char* ciphers_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* groups = "X25519:P-256:P-384";

Result<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail(Code::not_found, "cannot be read", path);
  const std::streamoff size = file.tellg();
  if (size < 0 || size > most_bytes) return fail(Code::invalid, "is no PEM file, or longer than 4 MiB", path);
  file.seekg(0);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

template <class T>
Result<T> in_file(Result<T> result, const std::string& path) {
  if (!result) return fail(std::move(result).error().within(path));
  return result;
}

Result<void> check_time(const CertificateInfo& info, WallTime now, const std::string& path) {
  if (now < info.not_before) return fail(Code::invalid, "is valid only from " + to_string(info.not_before), path);
  if (now >= info.not_after) return fail(Code::invalid, "expired at " + to_string(info.not_after), path);
  return {};
}

}  // namespace

WallTime system_wall() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Result<TlsIdentity> read_identity(const TlsFiles& files, WallTime now) {
  TRY(auto chain_text, read_text(files.chain));
  TRY(auto chain, in_file(Certificate::read_all(chain_text), files.chain));
  TRY_DO(check_time(chain.front().info(), now, files.chain));
  TRY(auto key_text, read_text(files.key));
  TRY(auto key, in_file(PrivateKey::from_pem(key_text), files.key));
  if (!key.belongs_to(chain.front())) {
    return fail(Code::invalid, "is not the key of the certificate in " + files.chain, files.key);
  }
  return TlsIdentity{std::move(chain), std::move(key)};
}

Result<std::vector<Certificate>> read_authorities(const std::string& path, WallTime now) {
  TRY(auto text, read_text(path));
  TRY(auto all, in_file(Certificate::read_all(text), path));
  bool any_valid = false;
  for (const Certificate& one : all) {
    const CertificateInfo info = one.info();
    if (!info.authority) return fail(Code::invalid, info.subject + " is not a certificate authority", path);
    any_valid = any_valid || info.valid_at(now);
  }
  if (!any_valid) TRY_DO(check_time(all.front().info(), now, path));
  return all;
}

SslContext new_context(TlsVersion least) {
  SslContext context(SSL_CTX_new(TLS_method()));
  SSL_CTX* raw = context.get();
  CHECK(raw != nullptr);
  CHECK(SSL_CTX_set_min_proto_version(raw, least == TlsVersion::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1);
  CHECK(SSL_CTX_set_cipher_list(raw, ciphers_1_2) == 1 && SSL_CTX_set1_groups_list(raw, groups) == 1);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // One system call for a record where its head and body have both come.
  SSL_CTX_set_read_ahead(raw, 1);
  return context;
}

void use_identity(SSL_CTX* context, const TlsIdentity& identity) {
  CHECK(SSL_CTX_use_certificate(context, identity.chain.front().native()) == 1);
  CHECK(SSL_CTX_use_PrivateKey(context, identity.key.native()) == 1);
  for (size_t i = 1; i < identity.chain.size(); ++i) {
    CHECK(SSL_CTX_add1_chain_cert(context, identity.chain[i].native()) == 1);
  }
}

void trust(SSL_CTX* context, const std::vector<Certificate>& authorities) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const Certificate& one : authorities) CHECK(X509_STORE_add_cert(store, one.native()) == 1);
  ERR_clear_error();
}

}  // namespace barrio::net
