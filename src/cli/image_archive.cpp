#include "cli/image_archive.h"

#include "base/json.h"
#include "base/tar.h"
#include "cli/view.h"

namespace barrio::cli {

Result<std::string> image_digest(std::string_view archive) {
  const auto index = file_in_tar(archive, "index.json");
  if (!index) {
    return fail(Code::invalid, "is no OCI archive (podman save --format oci-archive makes one): it has no index.json");
  }
  TRY(auto json, parse_json(*index));
  const JsonArray& manifests = items(json, "manifests");
  if (manifests.size() != 1) {
    return fail(Code::invalid, "must hold one image, it holds " + std::to_string(manifests.size()));
  }
  return text_at(manifests.front(), "digest");
}

}  // namespace barrio::cli
