#include "cli/certificates.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/files.h"

namespace barrio::cli::certificates_test {
namespace {

const WallTime now = WallTime(std::chrono::seconds(1'790'000'000));

struct Folder {
  Folder() {
    char text[] = "/tmp/barrio-cert-XXXXXX";
    REQUIRE(::mkdtemp(text) != nullptr);
    path = text;
  }
  ~Folder() { (void)remove_folder(path).has_value(); }
  mode_t mode(const std::string& name) const {
    struct stat status{};
    REQUIRE(::stat((path + "/" + name).c_str(), &status) == 0);
    return status.st_mode & 0777;
  }
  std::string path;
};

TEST_CASE("an authority in a folder issues a site's certificate, and keys are their owner's only") {
  const Folder folder;
  REQUIRE(make_authority(folder.path, now));
  CHECK(make_authority(folder.path, now).error().code == Code::conflict);
  const auto authority = load_authority(folder.path);
  REQUIRE(authority);
  const auto made = issue_to(folder.path, *authority,
                             {.site = *SiteId::parse("bio1"), .names = {"edge.example"}, .ips = {"10.0.0.1"}}, now);
  REQUIRE(made);
  CHECK(folder.mode("ca.key") == 0600);
  CHECK(folder.mode("bio1.key") == 0600);
  const auto read = Certificate::read_all(*read_file(folder.path + "/bio1.pem"));
  REQUIRE(read);
  const CertificateInfo info = read->front().info();
  CHECK(info.uris == std::vector<std::string>{"barrio://site/bio1"});
  CHECK(info.dns == std::vector<std::string>{"bio1.site.barrio.internal", "edge.example"});
  CHECK(info.ips == std::vector<std::string>{"10.0.0.1"});
  CHECK(authority->certificate().issued(read->front()));
  CHECK(PrivateKey::from_pem(*read_file(folder.path + "/bio1.key"))->belongs_to(read->front()));
}

TEST_CASE("a renewed certificate is for the key that is there, and a file that holds no key is left alone") {
  const Folder folder;
  const auto authority = make_authority(folder.path, now);
  REQUIRE(authority);
  const SiteCertificate wanted{.site = *SiteId::parse("bio1")};
  const auto first = issue_to(folder.path, *authority, wanted, now);
  const auto second = issue_to(folder.path, *authority, wanted, now + std::chrono::days(60));
  REQUIRE((first && second));
  CHECK(first->info().fingerprint == second->info().fingerprint);
  CHECK(second->info().not_after > first->info().not_after);
  CHECK(key_in(folder.path + "/bio1.key")->fingerprint() == first->info().fingerprint);
  REQUIRE(write_file(folder.path + "/bio1.key", "nonsense"));
  CHECK(issue_to(folder.path, *authority, wanted, now).error().where == folder.path + "/bio1.key");
  CHECK(*read_file(folder.path + "/bio1.key") == "nonsense");
}

TEST_CASE("an authority whose files are not a pair is refused, and the file named") {
  const Folder folder;
  CHECK(load_authority(folder.path).error().code == Code::not_found);
  REQUIRE(make_authority(folder.path, now));
  REQUIRE(write_file(folder.path + "/ca.key", PrivateKey::generate().pem()));
  CHECK(load_authority(folder.path).error().where == folder.path + "/ca.pem");
}

TEST_CASE("only the identity of a site names a site") {
  CHECK(site_of_uri("barrio://site/bio1") == SiteId::parse("bio1").value());
  CHECK(site_of_uri(site_uri(*SiteId::parse("mad2"))) == SiteId::parse("mad2").value());
  for (const char* text : {"", "barrio://site/", "barrio://site/bio1/x", "barrio://sites/bio1", "bio1", "x"})
    CHECK(!site_of_uri(text));
}

}  // namespace
}  // namespace barrio::cli::certificates_test
