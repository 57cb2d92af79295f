#include "adapters/kubernetes/image_registry.h"

#include <set>

#include "base/base64.h"
#include "base/crypto.h"
#include "base/json_read.h"
#include "base/read_file.h"
#include "base/tar.h"
#include "base/text.h"

namespace barrio::adapters::kubernetes {

namespace {

using json_read::at;
using json_read::list_of;
using json_read::text_of;

constexpr Duration upload_within = 120s;
constexpr size_t most_blobs = 256;
constexpr std::string_view digest_start = "sha256:";
constexpr const char* oci_manifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";

/// What an archive holds under a digest, which must be that of the content.
Result<std::string_view> blob_in(std::string_view archive, const std::string& digest) {
  const std::string hex = digest.starts_with(digest_start) ? digest.substr(digest_start.size()) : std::string();
  const auto content = file_in_tar(archive, "blobs/sha256/" + hex);
  if (hex.empty() || !content) return fail(Code::invalid, "the archive lacks " + digest, "container.image");
  if (sha256_hex(*content) != hex)
    return fail(Code::denied, "what the archive holds as " + digest + " is something else", "container.image");
  return *content;
}

/// The digests of what a manifest names: its configuration and its layers.
Result<std::set<std::string>> blobs_of(const Json& manifest) {
  std::set<std::string> digests{text_of(at(manifest, "config", "digest"))};
  for (const Json& layer : list_of(at(manifest, "layers"))) digests.insert(text_of(at(layer, "digest")));
  if (digests.contains("") || digests.size() > most_blobs) {
    return fail(
        Code::invalid,
        "must be the manifest of one image, with a configuration and at most " + std::to_string(most_blobs) + " layers",
        "container.image");
  }
  return digests;
}

std::string type_of(const Json& manifest) {
  const std::string said = text_of(at(manifest, "mediaType"));
  return said == docker_manifest ? said : oci_manifest;
}

tl::unexpected<Error> registry_refuses(const net::Response& response, const std::string& what) {
  const auto json = parse_json(response.body);
  std::string words;
  if (json) {
    for (const Json& one : list_of(at(*json, "errors"))) words = text_of(at(one, "message"));
  }
  const bool denied = response.status == 401 || response.status == 403;
  if (words.empty())
    words = (denied ? "refuses the credentials, status " : "status ") + std::to_string(response.status);
  return fail(Code::unavailable, "the registry: " + words.substr(0, 300), what);
}

/// Where an upload goes on: "/v2/...", or the same with scheme and host, which are those of the registry.
std::string target_of(std::string location) {
  const size_t scheme = location.find("://");
  if (scheme == std::string::npos) return location;
  const size_t path = location.find('/', scheme + 3);
  return path == std::string::npos ? "/" : location.substr(path);
}

Result<std::string> read_credentials(const std::string& path) {
  const auto content = read_file(path);
  if (!content) return fail(Code::unavailable, "the registry's credentials: " + content.error().what, path);
  std::string text(trim(*content));
  if (text.find(':') == std::string::npos || text.find('\n') != std::string::npos)
    return fail(Code::unavailable, "must hold user:password, in one line", path);
  return text;
}

}  // namespace

Result<std::string_view> manifest_in(std::string_view archive, const ImageReference& image) {
  const auto index = file_in_tar(archive, "index.json");
  const auto json = index ? parse_json(*index) : Result<Json>(fail(Code::invalid, ""));
  if (!json) return fail(Code::invalid, "the archive is no OCI archive: it has no index.json", "container.image");
  const std::string wanted = std::string(digest_start) + image.digest;
  std::string found;
  for (const Json& one : list_of(at(*json, "manifests"))) {
    found = text_of(at(one, "digest"));
    if (found == wanted) return blob_in(archive, wanted);
  }
  return fail(Code::denied,
              "the archive holds the image " + (found.empty() ? "without a digest" : found) + ", not " + wanted,
              "container.image");
}

Result<net::Response> ImageRegistry::call(net::Request request) {
  if (!config_.credentials_file.empty()) {
    std::optional<Result<std::string>> read;
    runtime_.offload([&] { read = read_credentials(config_.credentials_file); });
    if (!*read) return fail((*read).error());
    request.headers.emplace_back("Authorization", "Basic " + base64(**read));
  }
  auto answer = fetch_(config_.endpoint, std::move(request), runtime_.now() + upload_within);
  if (!answer) return fail(Code::unavailable, "the registry does not answer: " + answer.error().text());
  return answer;
}

Result<bool> ImageRegistry::has(const std::string& target, const std::string& type) {
  TRY(const auto answer, call({.method = "HEAD", .target = target, .headers = {{"Accept", type}}}));
  if (answer.status == 200) return true;
  if (answer.status == 404) return false;
  return registry_refuses(answer, "HEAD " + target);
}

Result<void> ImageRegistry::put_blob(const std::string& repository, const std::string& digest,
                                     std::string_view content) {
  TRY(const bool there, has(repository + "/blobs/" + digest, "*/*"));
  if (there) return {};
  const std::string uploads = repository + "/blobs/uploads/";
  TRY(const auto begun, call({.method = "POST", .target = uploads}));
  const auto location = net::find_header(begun.headers, "location");
  if (begun.status != 202 || !location) return registry_refuses(begun, "POST " + uploads);
  std::string target = target_of(std::string(*location));
  target += (target.find('?') == std::string::npos ? "?digest=" : "&digest=") + net::percent_encode(digest);
  net::Request put{.method = "PUT", .target = target, .headers = {{"Content-Type", "application/octet-stream"}}};
  runtime_.offload([&] { put.body = std::string(content); });
  TRY(const auto stored, call(std::move(put)));
  if (stored.status != 201) return registry_refuses(stored, "PUT " + repository + "/blobs/" + digest);
  return {};
}

Result<void> ImageRegistry::put(const TenantId& tenant, const ImageReference& image, std::string_view archive) {
  // Hashing what may be of 256 MiB takes long.
  std::optional<Result<std::string_view>> checked;
  runtime_.offload([&] { checked = manifest_in(archive, image); });
  TRY(const std::string_view text, *checked);
  auto manifest = parse_json(text);
  if (!manifest) return fail(Code::invalid, "its manifest is no JSON: " + manifest.error().text(), "container.image");
  const std::string repository = "/v2/" + config_.prefix + "/" + tenant.str();
  const std::string target = repository + "/manifests/sha256:" + image.digest;
  const std::string type = type_of(*manifest);
  TRY(const bool there, has(target, type));
  if (there) return {};
  TRY(const auto digests, blobs_of(*manifest));
  for (const std::string& digest : digests) {
    runtime_.offload([&] { checked = blob_in(archive, digest); });
    TRY(const std::string_view content, *checked);
    TRY_DO(put_blob(repository, digest, content));
  }
  TRY(const auto stored,
      call({.method = "PUT", .target = target, .headers = {{"Content-Type", type}}, .body = std::string(text)}));
  if (stored.status != 201) return registry_refuses(stored, "PUT " + target);
  return {};
}

}  // namespace barrio::adapters::kubernetes
