#pragma once
// How an image gets into a cluster: its archive, which is on the site's disk, is put into the registry that the
// operator names, and nodes pull it from there by its digest. The registry speaks the OCI distribution API (1.0).
// Each tenant has a repository of its own: a digest alone would lend one tenant's image to another.

#include <string>

#include "adapters/kubernetes/kubernetes_api.h"
#include "model/container.h"
#include "model/ids.h"

namespace barrio::adapters::kubernetes {

struct RegistryConfig {
  net::Endpoint endpoint;             // that images are put to
  std::string pulled_as;              // "10.0.1.5:5000": as the nodes name it
  std::string prefix = "barrio";      // of all repositories
  std::string credentials_file = {};  // "user:password"; empty: none are needed
};

/// The digest of the one image in an OCI archive, "sha256:...", and its manifest. Errors: denied (it is not this image,
/// or not what its digest says), invalid (no such archive).
Result<std::string_view> manifest_in(std::string_view archive, const ImageReference& image);

class ImageRegistry {
 public:
  ImageRegistry(ports::Runtime& runtime, Fetch fetch, RegistryConfig config)
      : runtime_(runtime), fetch_(std::move(fetch)), config_(std::move(config)) {}

  /// Puts there what is missing of an archive's image. Errors: those of manifest_in; unavailable, also where it refuses
  /// this site's credentials.
  Result<void> put(const TenantId& tenant, const ImageReference& image, std::string_view archive);
  /// What nodes pull: REGISTRY/PREFIX/TENANT@sha256:DIGEST.
  std::string reference(const TenantId& tenant, const ImageReference& image) const {
    return config_.pulled_as + "/" + config_.prefix + "/" + tenant.str() + "@sha256:" + image.digest;
  }

 private:
  Result<net::Response> call(net::Request request);
  Result<bool> has(const std::string& target, const std::string& type);
  Result<void> put_blob(const std::string& repository, const std::string& digest, std::string_view content);

  ports::Runtime& runtime_;
  Fetch fetch_;
  const RegistryConfig config_;
};

}  // namespace barrio::adapters::kubernetes
