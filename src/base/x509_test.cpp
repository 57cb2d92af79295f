#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "base/x509.h"

namespace barrio::x509_test {
namespace {

const WallTime now = WallTime(std::chrono::seconds(1'790'000'000));

CertificateRequest bilbao() {
  return {.common_name = "bio1",
          .dns = {"Bio1.example", "*.apps.bio1.example"},
          .ips = {"127.20.1.1", "::1"},
          .uris = {"barrio://site/bio1"}};
}

TEST_CASE("an authority issues a certificate that says what was asked for, and signs it") {
  const auto ca = CertificateAuthority::make("Barrio test", now);
  const auto issued = ca.issue(bilbao(), now);
  REQUIRE(issued);
  const CertificateInfo info = issued->certificate.info();
  CHECK(info.subject == "CN=bio1,O=Barrio");
  CHECK(info.issuer == "CN=Barrio test,O=Barrio");
  CHECK(info.dns == std::vector<std::string>{"bio1.example", "*.apps.bio1.example"});
  CHECK(info.ips == std::vector<std::string>{"127.20.1.1", "::1"});
  CHECK(info.uris == std::vector<std::string>{"barrio://site/bio1"});
  CHECK(info.key == "ECDSA P-256");
  CHECK(!info.authority);
  CHECK(info.valid_at(now));
  CHECK(info.valid_at(now + std::chrono::days(89)));
  CHECK(!info.valid_at(now + std::chrono::days(90)));
  CHECK(!info.valid_at(now - 10min));
  CHECK(ca.certificate().info().authority);
  CHECK(ca.certificate().info().valid_at(now + std::chrono::days(3650)));
  CHECK(ca.certificate().issued(issued->certificate));
  CHECK(!issued->certificate.issued(ca.certificate()));
  CHECK(!CertificateAuthority::make("Barrio test", now).certificate().issued(issued->certificate));
  CHECK(issued->key.belongs_to(issued->certificate));
  CHECK(!issued->key.belongs_to(ca.certificate()));
}

TEST_CASE("an authority survives PEM, and two certificates never share a serial number") {
  const auto made = CertificateAuthority::make("Barrio test", now);
  const auto ca = CertificateAuthority::from_pem(made.certificate().pem(), made.key().pem());
  REQUIRE(ca);
  const auto first = ca->issue(bilbao(), now);
  const auto second = ca->issue(bilbao(), now);
  REQUIRE((first && second));
  CHECK(made.certificate().issued(first->certificate));
  CHECK(first->certificate.info().serial != second->certificate.info().serial);
  CHECK(CertificateAuthority::from_pem(made.certificate().pem(), first->key.pem()).error().code == Code::invalid);
  CHECK(CertificateAuthority::from_pem(first->certificate.pem(), first->key.pem()).error().code == Code::invalid);
}

TEST_CASE("a request with a name that is none is refused, and the field is named") {
  const auto ca = CertificateAuthority::make("Barrio test", now);
  auto refused = [&](CertificateRequest request) {
    const auto issued = ca.issue(request, now);
    return issued ? std::string() : issued.error().where;
  };
  CHECK(refused({.common_name = "", .dns = {"a.example"}}) == "common_name");
  CHECK(refused({.common_name = "a"}) == "dns");
  for (const char* name : {"a b", "", "-a.example", "a..example", "a.*.example", "a,DNS:evil.example"})
    CHECK(refused({.common_name = "a", .dns = {name}}) == "dns");
  CHECK(refused({.common_name = "a", .ips = {"127.0.0.256"}}) == "ips");
  CHECK(refused({.common_name = "a", .uris = {"no scheme"}}) == "uris");
  CHECK(refused({.common_name = "a", .dns = {"a.example"}, .days = std::chrono::days(0)}) == "days");
}

TEST_CASE(
    "a certificate is made for the key of a request, whatever the request's names, and renewed for the same key") {
  const auto ca = CertificateAuthority::make("Barrio test", now);
  const PrivateKey key = PrivateKey::generate();
  const auto asked = PublicKey::from_request(key.signing_request("somebody-else"));
  REQUIRE(asked);
  CHECK(asked->fingerprint() == key.fingerprint());
  const auto made = ca.certify(bilbao(), *asked, now);
  const auto renewed = ca.certify(bilbao(), *asked, now + std::chrono::days(60));
  REQUIRE((made && renewed));
  CHECK(key.belongs_to(*made));
  CHECK(made->info().subject == "CN=bio1,O=Barrio");
  CHECK(made->info().fingerprint == key.fingerprint());
  CHECK(renewed->info().fingerprint == key.fingerprint());
  CHECK(renewed->info().serial != made->info().serial);
  CHECK(PrivateKey::generate().fingerprint() != key.fingerprint());
}

TEST_CASE("a request that its key did not sign, or that is none, is refused") {
  const std::string good = PrivateKey::generate().signing_request("bio1");
  CHECK(PublicKey::from_request("hello").error().what.find("PKCS #10") != std::string::npos);
  CHECK(!PublicKey::from_request(PrivateKey::generate().pem()));
  // The signature is at its end.
  std::string forged = good;
  const size_t at = forged.find("-----END") - 12;
  forged[at] = forged[at] == 'A' ? 'B' : 'A';
  CHECK(!PublicKey::from_request(forged));
}

TEST_CASE("a fingerprint is 32 digits in groups, and read however it was typed") {
  const std::string made = PrivateKey::generate().fingerprint();
  CHECK(made.size() == 39);
  CHECK(made[4] == '-');
  CHECK(parse_key_fingerprint(made) == made);
  CHECK(parse_key_fingerprint("0123-4567-89AB-cdef-0123-4567-89ab-cdef") == "0123-4567-89ab-cdef-0123-4567-89ab-cdef");
  CHECK(parse_key_fingerprint("01:23:45:67 89abcdef0123456789abcdef") == "0123-4567-89ab-cdef-0123-4567-89ab-cdef");
  for (const char* text : {"", "0123", "0123-4567-89ab-cdef-0123-4567-89ab-cdeg", "0123456789abcdef0123456789abcdef0"})
    CHECK(parse_key_fingerprint(text).error().where == "fingerprint");
}

TEST_CASE("a certificate ends with its authority, and an authority that has ended issues nothing") {
  const auto ca = CertificateAuthority::make("Barrio test", now);
  const WallTime end = ca.certificate().info().not_after;
  const auto late = ca.issue(bilbao(), end - std::chrono::days(1));
  REQUIRE(late);
  CHECK(late->certificate.info().not_after == end);
  CHECK(ca.issue(bilbao(), end + 1s).error().code == Code::invalid);
}

TEST_CASE("what is no certificate or no key is refused with the reason") {
  const auto ca = CertificateAuthority::make("Barrio test", now);
  CHECK(Certificate::read_all("hello").error().what.find("not PEM") != std::string::npos);
  CHECK(Certificate::read_all("").error().code == Code::invalid);
  const std::string pem = ca.certificate().pem();
  CHECK(Certificate::read_all(pem + pem)->size() == 2);
  std::string broken = pem + pem;
  broken.erase(pem.size() + 100, 30);
  CHECK(Certificate::read_all(broken).error().what.find("certificate 2") != std::string::npos);
  CHECK(PrivateKey::from_pem(pem).error().code == Code::invalid);
  // Ed25519 (RFC 8410, section 10.3).
  const auto other = PrivateKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
      "-----END PRIVATE KEY-----\n");
  REQUIRE(!other);
  CHECK(other.error().what.find("ED25519") != std::string::npos);
}

}  // namespace
}  // namespace barrio::x509_test
