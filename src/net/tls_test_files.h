#pragma once
// For tests: a certificate authority in a folder of its own, and what it issued there.

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/x509.h"
#include "net/tls.h"

namespace barrio::net {

inline WallTime test_wall() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

class TestFiles {
 public:
  TestFiles() : ca_(CertificateAuthority::make("test", test_wall())) {
    char made[] = "/tmp/barrio-tls-XXXXXX";
    REQUIRE(::mkdtemp(made) != nullptr);
    folder_ = made;
    write("ca.pem", ca_.certificate().pem());
  }
  ~TestFiles() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  std::string authority() const { return path("ca.pem"); }

  /// NAME.pem and NAME.key, for these DNS names and 127.0.0.1.
  TlsFiles issue(const std::string& name, std::vector<std::string> dns, std::vector<std::string> uris = {},
                 WallTime from = test_wall()) const {
    const auto made =
        ca_.issue({.common_name = name, .dns = std::move(dns), .ips = {"127.0.0.1"}, .uris = std::move(uris)}, from);
    REQUIRE(made);
    write(name + ".pem", made->certificate.pem());
    write(name + ".key", made->key.pem());
    return {path(name + ".pem"), path(name + ".key")};
  }

  /// The same with an RSA key of 2048 bits.
  TlsFiles issue_rsa(const std::string& name, std::vector<std::string> dns) const {
    const TlsFiles files = issue(name, dns);
    const auto made = ca_.issue({.common_name = name, .dns = std::move(dns)}, test_wall());
    REQUIRE(made);
    const std::shared_ptr<EVP_PKEY> key(EVP_RSA_gen(2048), EVP_PKEY_free);
    X509* certificate = made->certificate.native();
    REQUIRE(X509_set_pubkey(certificate, key.get()) == 1);
    REQUIRE(X509_sign(certificate, ca_.key().native(), EVP_sha256()) > 0);
    write(name + ".pem", made->certificate.pem());
    write(name + ".key", PrivateKey(key).pem());
    return files;
  }

  std::shared_ptr<TlsServer> server(TlsServerSettings settings) const {
    auto made = TlsServer::load(std::move(settings));
    INFO((made ? "" : made.error().text()));
    REQUIRE(made);
    return *made;
  }
  std::shared_ptr<TlsClient> client(TlsFiles certificate = {}, TlsVersion least = TlsVersion::v1_2) const {
    auto made = TlsClient::load({.ca = authority(), .certificate = std::move(certificate), .least = least});
    INFO((made ? "" : made.error().text()));
    REQUIRE(made);
    return *made;
  }

 private:
  CertificateAuthority ca_;
  std::string folder_;
};

}  // namespace barrio::net
