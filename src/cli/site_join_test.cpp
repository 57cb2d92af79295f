#include "cli/site_join.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include "cli/certificates.h"
#include "cli/files.h"
#include "net/tls.h"

namespace barrio::cli::site_join_test {
namespace {

const WallTime now = WallTime(std::chrono::seconds(1'790'000'000));

struct Site {
  Site() {
    char text[] = "/tmp/barrio-join-XXXXXX";
    REQUIRE(::mkdtemp(text) != nullptr);
    folder = text;
    file.site = "bio1";
    file.control = "https://127.0.0.1:1";
    file.peer_tls = PeerTlsFile{folder + "/ca.pem", folder + "/bio1.pem", folder + "/bio1.key"};
  }
  ~Site() { (void)remove_folder(folder).has_value(); }
  std::string folder;
  SiteFile file;
};

TEST_CASE("a site makes its key once, and its certificate is due a month before it ends") {
  Site site;
  const auto authority = make_authority(site.folder, now);
  REQUIRE(authority);
  const auto join = SiteJoin::prepare(site.file);
  REQUIRE(join);
  CHECK(SiteJoin::prepare(site.file)->fingerprint() == join->fingerprint());
  CHECK(join->how_to_approve().find("barrio site approve bio1 --fingerprint " + join->fingerprint()) !=
        std::string::npos);
  CHECK(!join->has_certificate(now));
  CHECK(join->is_due(now));
  REQUIRE(issue_to(site.folder, *authority, {.site = SiteId::of("bio1")}, now));
  CHECK(join->has_certificate(now));
  CHECK(!join->is_due(now));
  CHECK(!join->is_due(now + std::chrono::days(59)));
  CHECK(join->is_due(now + std::chrono::days(61)));
  CHECK(join->has_certificate(now + std::chrono::days(89)));
  CHECK(!join->has_certificate(now + std::chrono::days(91)));
}

TEST_CASE("a certificate of another key is none, and a site without peer_tls has nothing to join with") {
  Site site;
  const auto authority = make_authority(site.folder, now);
  REQUIRE(authority);
  REQUIRE(issue_to(site.folder, *authority, {.site = SiteId::of("bio1")}, now));
  REQUIRE(write_file(site.folder + "/bio1.key", PrivateKey::generate().pem()));
  CHECK(!SiteJoin::prepare(site.file)->has_certificate(now));
  site.file.control = "127.0.0.1:1";
  CHECK(join_and_wait(site.file, *SiteJoin::prepare(site.file)).error().where == "control");
  site.file.peer_tls.reset();
  CHECK(SiteJoin::prepare(site.file).error().where == "peer_tls");
}

TEST_CASE("a certificate is asked for without showing the one that there is, which may have ended or not be there") {
  Site site;
  site.file.client_id = "site-bio1";
  CHECK(!joining_link(site.file));  // whom to trust
  const auto authority = make_authority(site.folder, now - std::chrono::days(120));
  REQUIRE(authority);
  const auto check = [&] {
    const auto link = joining_link(site.file);
    REQUIRE(link);
    REQUIRE(link->members.size() == 1);
    REQUIRE(link->members.front().tls);
    CHECK(link->client_id == "site-bio1");
  };
  check();
  REQUIRE(SiteJoin::prepare(site.file));
  REQUIRE(issue_to(site.folder, *authority, {.site = SiteId::of("bio1")}, now - std::chrono::days(120)));
  CHECK(!net::TlsClient::load(
      {.ca = site.file.peer_tls->ca, .certificate = {site.file.peer_tls->chain, site.file.peer_tls->key}}));
  check();
}

}  // namespace
}  // namespace barrio::cli::site_join_test
