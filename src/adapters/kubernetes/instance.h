#pragma once
// One generation of a replica as a Deployment. Private to adapters/kubernetes.

#include "adapters/kubernetes/kubernetes_runtime.h"

namespace barrio::adapters {

struct KubernetesWorkloadRuntime::Instance final : decide::KeptGeneration {
  std::string file_path;  // of its image's archive
  Owner owner;
  std::string name_space;
  std::string name;  // of its objects
  std::unique_ptr<ports::Signal> news;

  int64_t applied = 0;                  // the revision of its Deployment that is ours; 0: none yet
  Time applied_at;                      // all of it, the last time
  bool seen = false;                    // the watch has shown it since
  bool put_again = false;               // its node cannot pull the image
  std::string address;                  // of its Service
  std::string reached;                  // uid of the pod that has answered there
  std::string why;                      // it had to be applied again the last time
  int64_t refusals = 0;                 // times that it was found to be wrong, by us or by the cluster
  int64_t earlier = 0;                  // restarts of pods that are not counted in `pods` any more
  std::map<std::string, int64_t> pods;  // restarts by uid

  std::string path() const { return "/apis/apps/v1/namespaces/" + name_space + "/deployments/" + name; }
};

}  // namespace barrio::adapters
