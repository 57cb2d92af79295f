#pragma once
// PEM files for TLS, checked before they are used. Private to net/tls_*.cpp.

#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "base/openssl_types.h"
#include "base/x509.h"
#include "net/tls.h"

namespace barrio::net {

using SslContext = OpensslPtr<SSL_CTX, SSL_CTX_free>;

struct TlsIdentity {
  std::vector<Certificate> chain;  // its own certificate first
  PrivateKey key;
};

/// Errors: invalid, not_found, naming the file.
Result<TlsIdentity> read_identity(const TlsFiles& files, WallTime now);
Result<std::vector<Certificate>> read_authorities(const std::string& path, WallTime now);

/// A context with what both sides have in common.
SslContext new_context(TlsVersion least);
void use_identity(SSL_CTX* context, const TlsIdentity& identity);
void trust(SSL_CTX* context, const std::vector<Certificate>& authorities);
WallTime system_wall();

}  // namespace barrio::net
