#pragma once
// A registry of the tests that speaks as much of the OCI distribution API as putting an image needs, and an archive to
// put there.

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "base/base64.h"
#include "base/crypto.h"
#include "base/json_read.h"
#include "net/endpoint.h"
#include "net/server.h"

namespace barrio::adapters::kubernetes {

class FakeRegistry {
 public:
  explicit FakeRegistry(net::Reactor& reactor)
      : server_(reactor, {}, [this](net::Request request, net::Responder answer) { answer(reply(request)); }) {
    const auto bound = server_.listen(*net::SocketAddress::parse("127.0.0.1:0"));
    REQUIRE(bound);
    endpoint = *bound;
  }

  net::Endpoint endpoint;
  std::string wants;                         // "user:password"
  std::map<std::string, std::string> blobs;  // "/v2/REPOSITORY DIGEST"
  std::map<std::string, std::string> manifests;
  size_t asked = 0, uploads = 0;

 private:
  net::Response reply(const net::Request& request) {
    ++asked;
    if (!wants.empty() && net::find_header(request.headers, "Authorization") != "Basic " + base64(wants))
      return {401, {}, R"({"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]})"};
    const std::string path(request.path());
    if (path.starts_with("/upload")) return take(request);
    const size_t kind = path.find("/manifests/") == std::string::npos ? path.find("/blobs/") : path.find("/manifests/");
    if (kind == std::string::npos) return {404, {}, ""};
    const std::string repository = path.substr(0, kind);
    const std::string name = path.substr(path.find('/', kind + 1) + 1);
    const std::string key = repository + " " + name;
    const bool manifest = path.find("/manifests/") != std::string::npos;
    if (request.method == "HEAD") return {(manifest ? manifests : blobs).contains(key) ? 200 : 404, {}, ""};
    if (request.method == "POST" && name == "uploads/") {
      // With scheme and host, as some do, and a query of its own.
      return {202,
              {{"Location", "http://" + endpoint.address.str() + "/upload?of=" + net::percent_encode(repository)}},
              ""};
    }
    if (request.method == "PUT" && manifest) return put_manifest(key, repository, name, request);
    return {405, {}, ""};
  }
  net::Response take(const net::Request& request) {
    const std::string digest = net::query_value(request.query(), "digest").value_or("");
    if (request.method != "PUT" || "sha256:" + sha256_hex(request.body) != digest)
      return {400, {}, R"({"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match"}]})"};
    ++uploads;
    blobs[net::query_value(request.query(), "of").value_or("") + " " + digest] = request.body;
    return {201, {}, ""};
  }
  net::Response put_manifest(const std::string& key, const std::string& repository, const std::string& digest,
                             const net::Request& request) {
    const auto json = parse_json(request.body);
    const bool typed =
        net::find_header(request.headers, "Content-Type") == "application/vnd.oci.image.manifest.v1+json";
    if (!json || !typed || "sha256:" + sha256_hex(request.body) != digest) return {400, {}, ""};
    std::set<std::string> named{json_read::text_of(json_read::at(*json, "config", "digest"))};
    for (const Json& layer : json_read::list_of(json_read::at(*json, "layers")))
      named.insert(json_read::text_of(json_read::at(layer, "digest")));
    for (const std::string& one : named) {
      if (!blobs.contains(repository + " " + one))
        return {404, {}, R"({"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]})"};
    }
    manifests[key] = request.body;
    return {201, {}, ""};
  }

  net::MessageServer server_;
};

/// An OCI archive of one image with two layers.
struct ImageArchive {
  explicit ImageArchive(const std::string& text) {
    const std::string config = add(R"({"architecture":"amd64","os":"linux"})");
    const std::string first = add("first layer of " + text);
    const std::string second = add("second layer of " + text);
    const std::string type = "application/vnd.oci.image.layer.v1.tar";
    const std::string manifest =
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)" +
        described(config, "application/vnd.oci.image.config.v1+json") + R"(,"layers":[)" + described(first, type) +
        "," + described(second, type) + "]}";
    digest = add(manifest);
    put("index.json",
        R"({"schemaVersion":2,"manifests":[)" + described(digest, "application/vnd.oci.image.manifest.v1+json") + "]}");
    bytes.append(1024, '\0');
  }

  std::string bytes;
  std::string digest;  // 64 hex digits, of its manifest

 private:
  std::map<std::string, size_t> sizes_;

  std::string add(const std::string& content) {
    const std::string hex = sha256_hex(content);
    put("blobs/sha256/" + hex, content);
    sizes_[hex] = content.size();
    return hex;
  }
  std::string described(const std::string& hex, const std::string& type) const {
    return R"({"mediaType":")" + type + R"(","digest":"sha256:)" + hex + R"(","size":)" +
           std::to_string(sizes_.at(hex)) + "}";
  }
  void put(const std::string& name, const std::string& content) {
    std::string head(512, '\0');
    head.replace(0, name.size(), name);
    char size[13];
    std::snprintf(size, sizeof size, "%011zo", content.size());
    head.replace(124, 11, size, 11);
    bytes += head + content;
    bytes.append((512 - content.size() % 512) % 512, '\0');
  }
};

}  // namespace barrio::adapters::kubernetes
