#pragma once
// What the cluster says of a replica's objects, as far as it matters here. Pure.

#include <optional>
#include <string>

#include "base/json.h"
#include "model/snapshot.h"

namespace barrio::adapters::kubernetes {

/// Whose object it is, by its labels.
struct ObjectOwner {
  ReplicaId replica;
  int64_t generation = 0;
  auto operator<=>(const ObjectOwner&) const = default;
};

struct SeenDeployment {
  std::string name_space;
  std::string name;
  ObjectOwner owner;
  int64_t revision = 0;  // metadata.generation: counts changes of its spec
  bool deleting = false;
  std::string trouble;  // why it has no pod; empty: none is known

  /// None: not one of ours.
  static std::optional<SeenDeployment> from(const Json& object);
};

struct SeenPod {
  std::string name_space;
  std::string name;
  std::string uid;
  std::string created;  // RFC 3339: compares as text
  ObjectOwner owner;
  bool deleting = false;
  ReplicaPhase phase = ReplicaPhase::starting;  // ready: Kubernetes says so
  std::string detail;                           // why not ready, in plain words
  bool cannot_pull = false;                     // its image
  int64_t restarts = 0;                         // of its container

  static std::optional<SeenPod> from(const Json& object);
};

/// "12345678n", "250m", "2", "131072Ki", "128974848": a quantity of Kubernetes. None: it is none.
std::optional<double> parse_quantity(std::string_view text);

}  // namespace barrio::adapters::kubernetes
