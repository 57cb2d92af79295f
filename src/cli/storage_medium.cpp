#include "cli/storage_medium.h"

#include "adapters/local_files/local_medium.h"
#include "adapters/local_files/private_file.h"
#include "adapters/reactor_runtime/run_together.h"
#include "adapters/s3/s3_medium.h"
#include "base/digest.h"
#include "base/read_file.h"
#include "base/text.h"
#include "base/x509.h"

namespace barrio::cli {

namespace {

constexpr size_t most_prefix_bytes = 200;
constexpr std::string_view key_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
constexpr std::string_view bucket_characters = "abcdefghijklmnopqrstuvwxyz0123456789-._";

struct S3CredentialsFile {
  std::string key_id;
  std::string secret;
};
BARRIO_DESCRIBE(S3CredentialsFile, (), (key_id, secret))

bool consists_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

/// "https://HOST:PORT", the port if need be.
Result<void> check_endpoint(const std::string& endpoint) {
  const std::string_view text = endpoint;
  const size_t begin = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
  const std::string_view authority = text.substr(begin);
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && !authority.ends_with(']');
  const auto port = has_port ? parse_uint(authority.substr(colon + 1)) : std::optional<uint64_t>(443);
  if (begin != 0 && !authority.empty() && colon != 0 && port && *port > 0 && *port <= 65535 &&
      authority.find_first_of("/?#@ ") == std::string_view::npos) {
    return {};
  }
  return fail(Code::invalid, "must be https://HOST:PORT or http://HOST:PORT, without a path", "storage.s3.endpoint");
}

/// Read now: what cannot be of use is said before anything is asked of the service.
Result<void> check_authorities(const StorageS3File& file) {
  const auto pem = read_file(*file.ca_file);
  if (file.endpoint.starts_with("https://") && pem && Certificate::read_all(*pem)) return {};
  return fail(Code::invalid, "must be a file of certificates (PEM), for an endpoint with https", "storage.s3.ca_file");
}

}  // namespace

std::string storage_folder(const SiteFile& file) {
  return file.storage->folder.value_or(file.folder + "/storage");
}

Result<adapters::s3::ServiceConfig> s3_service_config(const StorageS3File& file, const std::string& site) {
  TRY_DO(check_endpoint(file.endpoint));
  if (file.bucket.size() < 3 || file.bucket.size() > 63 || !consists_of(file.bucket, bucket_characters)) {
    return fail(Code::invalid, "must be the name of a bucket: 3 to 63 of a-z, 0-9, '-', '.'", "storage.s3.bucket");
  }
  const std::string prefix = file.prefix.value_or(site);
  if (prefix.empty() || prefix.size() > most_prefix_bytes || !consists_of(prefix, key_characters) ||
      prefix.starts_with('/') || prefix.ends_with('/') || prefix.find("//") != std::string::npos ||
      prefix.find("..") != std::string::npos) {
    return fail(Code::invalid, "must be up to 200 of a-z, A-Z, 0-9, '-', '_', '.', with '/' only between",
                "storage.s3.prefix");
  }
  const std::string region = file.region.value_or("us-east-1");
  if (region.empty() || !consists_of(region, key_characters) || region.find('/') != std::string::npos) {
    return fail(Code::invalid, "must be a region's name, as the service has it: us-east-1 where it has none",
                "storage.s3.region");
  }
  if (file.ca_file) TRY_DO(check_authorities(file));
  TRY(const auto text, adapters::local_files::read_private_file(file.credentials_file, "storage.s3.credentials_file"));
  auto credentials = from_yaml<S3CredentialsFile>(text, file.credentials_file);
  if (!credentials) return fail(std::move(credentials).error().within("storage.s3.credentials_file"));
  if (credentials->key_id.empty() || credentials->secret.empty() ||
      credentials->key_id.find('/') != std::string::npos) {
    return fail(Code::invalid, "must have 'key_id' and 'secret' of the service's user", "storage.s3.credentials_file");
  }
  return adapters::s3::ServiceConfig{file.endpoint, file.bucket,         prefix,
                                     region,        credentials->key_id, credentials->secret};
}

Result<std::unique_ptr<ports::Medium>> storage_medium(const SiteFile& file, const std::string& site_key) {
  if (!file.storage->s3) return std::make_unique<adapters::LocalMedium>(storage_folder(file));
  const StorageS3File& s3 = *file.storage->s3;
  TRY(auto config, s3_service_config(s3, file.site));
  auto transport = adapters::s3::make_curl_transport(config.endpoint, s3.ca_file.value_or(""));
  std::string names_key(barrio::text_of(hmac_sha256(site_key, "barrio storage names")));
  return std::make_unique<adapters::S3Medium>(std::move(config), std::move(transport), std::move(names_key),
                                              adapters::run_together);
}

}  // namespace barrio::cli
