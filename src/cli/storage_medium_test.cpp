#include "cli/storage_medium.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "base/x509.h"
#include "cli/files.h"

namespace barrio::cli::storage_medium_test {

namespace {

struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "barrio-medium-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("what the site's file says of an S3 service is checked, and each error names its field") {
  const Folder folder;
  const std::string credentials = folder.path + "/credentials";
  REQUIRE(write_file(credentials, "key_id: KEY\nsecret: 'a secret'\n", 0600));
  const StorageS3File good{"https://s3.site:7480", "barrio", credentials};
  const auto config = s3_service_config(good, "bio1");
  REQUIRE(config);
  CHECK(config->prefix == "bio1");
  CHECK(config->region == "us-east-1");
  CHECK(config->key_id == "KEY");
  CHECK(config->secret == "a secret");
  const auto where = [&](auto change) {
    StorageS3File file = good;
    change(file);
    const auto made = s3_service_config(file, "bio1");
    return made ? std::string() : made.error().where;
  };
  for (const char* endpoint : {"", "s3.site:7480", "https://", "https://s3.site/path", "ftp://s3.site", "http://a:0",
                               "http://a:b", "http://user@a"}) {
    CHECK(where([&](StorageS3File& file) { file.endpoint = endpoint; }) == "storage.s3.endpoint");
  }
  for (const char* endpoint : {"http://127.0.0.1:7480", "https://s3.site", "http://[::1]:80", "http://[::1]"}) {
    CHECK(where([&](StorageS3File& file) { file.endpoint = endpoint; }).empty());
  }
  for (const char* bucket : {"", "ab", "Bucket", "a/b"}) {
    CHECK(where([&](StorageS3File& file) { file.bucket = bucket; }) == "storage.s3.bucket");
  }
  for (const char* prefix : {"", "/a", "a/", "a//b", "a b", "../a"}) {
    CHECK(where([&](StorageS3File& file) { file.prefix = prefix; }) == "storage.s3.prefix");
  }
  CHECK(where([](StorageS3File& file) { file.region = ""; }) == "storage.s3.region");
  const std::string authorities = folder.path + "/ca.pem";
  REQUIRE(write_file(authorities, CertificateAuthority::make("test", WallTime{}).certificate().pem()));
  CHECK(where([&](StorageS3File& file) { file.ca_file = authorities; }).empty());
  CHECK(where([&](StorageS3File& file) { file.endpoint = "http://s3.site", file.ca_file = authorities; }) ==
        "storage.s3.ca_file");
  for (const std::string& no_authorities : {std::string("/nowhere.pem"), credentials}) {
    CHECK(where([&](StorageS3File& file) { file.ca_file = no_authorities; }) == "storage.s3.ca_file");
  }
  CHECK(where([&](StorageS3File& file) { file.credentials_file += "x"; }) == "storage.s3.credentials_file");
  REQUIRE(write_file(credentials, "key_id: KEY\n", 0600));
  CHECK(where([](StorageS3File&) {}).find("storage.s3.credentials_file") == 0);
  REQUIRE(write_file(credentials, "key_id: KEY\nsecret: ''\n", 0600));
  CHECK(where([](StorageS3File&) {}) == "storage.s3.credentials_file");
  ::chmod(credentials.c_str(), 0644);
  CHECK(where([](StorageS3File&) {}) == "storage.s3.credentials_file");
}

}  // namespace barrio::cli::storage_medium_test
