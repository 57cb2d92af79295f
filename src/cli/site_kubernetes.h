#pragma once
// A site's cluster as its configuration says (docs/containers.md), and what a pod of the cluster knows by itself.

#include "adapters/kubernetes/kubernetes_runtime.h"
#include "cli/site_tls.h"

namespace barrio::cli {

/// What Kubernetes tells each pod: environment variables and a folder.
struct PodSurroundings {
  std::string host;  // KUBERNETES_SERVICE_HOST; empty: this is no pod
  std::string port;
  std::string folder = "/var/run/secrets/kubernetes.io/serviceaccount";
  static PodSurroundings of_this_process();
};

/// Loads certificates, which `tls` keeps as their files are. Errors: invalid, not_found, naming the field.
Result<adapters::KubernetesConfig> kubernetes_config(const KubernetesFile& file, const std::string& site, SiteTls& tls,
                                                     const PodSurroundings& pod);

}  // namespace barrio::cli
