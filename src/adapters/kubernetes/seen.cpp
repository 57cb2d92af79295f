#include "adapters/kubernetes/seen.h"

#include <algorithm>
#include <array>

#include "adapters/kubernetes/manifest.h"
#include "base/json_read.h"
#include "base/text.h"

namespace barrio::adapters::kubernetes {

namespace {

using json_read::at;
using json_read::is_true;
using json_read::list_of;
using json_read::number_of;
using json_read::text_of;

constexpr size_t longest_message = 300;

std::optional<ObjectOwner> owner_of(const Json& object) {
  const Json& labels = at(object, "metadata", "labels");
  const auto id = ReplicaId::parse(text_of(at(labels, label::replica)));
  const auto generation = parse_uint(text_of(at(labels, label::generation)));
  if (!id || !generation) return std::nullopt;
  return ObjectOwner{*id, static_cast<int64_t>(*generation)};
}

/// What the cluster says, bounded and in one line.
std::string message_of(const Json& value) {
  std::string text = text_of(at(value, "message")).substr(0, longest_message);
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string with_message(std::string what, const Json& value) {
  const std::string message = message_of(value);
  return message.empty() ? what : what + ": " + message;
}

/// Null: it has no such condition.
const Json& condition(const Json& object, std::string_view type) {
  static const Json none;
  for (const Json& one : list_of(at(object, "status", "conditions"))) {
    if (text_of(at(one, "type")) == type) return one;
  }
  return none;
}

std::string how_it_ended(const Json& terminated) {
  if (text_of(at(terminated, "reason")) == "OOMKilled") return "ended: out of memory";
  return "ended with code " + std::to_string(number_of(at(terminated, "exitCode")));
}

/// Of a container that waits: the reasons that a kubelet gives.
void tell_waiting(SeenPod& pod, const Json& status) {
  const Json& waiting = at(status, "state", "waiting");
  const std::string reason = text_of(at(waiting, "reason"));
  pod.phase = ReplicaPhase::failed;
  if (reason == "CrashLoopBackOff") {
    pod.detail = how_it_ended(at(status, "lastState", "terminated")) + ", is started again after a wait";
  } else if (reason == "ErrImagePull" || reason == "ImagePullBackOff" || reason == "ErrImageNeverPull" ||
             reason == "InvalidImageName") {
    pod.cannot_pull = true;
    pod.detail = with_message("its node cannot pull the image", waiting);
  } else if (reason == "CreateContainerConfigError" || reason == "CreateContainerError" ||
             reason == "RunContainerError") {
    pod.detail = with_message("its node cannot start the container", waiting);
  } else {
    pod.phase = ReplicaPhase::starting;
    pod.detail = reason == "ContainerCreating" ? "its node pulls the image and makes the container"
                                               : with_message("waits (" + reason + ")", waiting);
  }
}

void tell_unready(SeenPod& pod, const Json& object) {
  const Json& statuses = at(object, "status", "containerStatuses");
  const Json& scheduled = condition(object, "PodScheduled");
  if (text_of(at(scheduled, "reason")) == "Unschedulable") {
    pod.phase = ReplicaPhase::failed;
    pod.detail = with_message("the cluster has no room for it", scheduled);
    return;
  }
  const std::string phase = text_of(at(object, "status", "phase"));
  if (phase == "Failed" || phase == "Succeeded") {
    pod.phase = ReplicaPhase::failed;
    const std::string reason = text_of(at(object, "status", "reason"));  // "Evicted"
    pod.detail =
        with_message(reason.empty() ? "its pod ended" : "its pod ended (" + reason + ")", at(object, "status"));
    return;
  }
  if (list_of(statuses).empty()) {
    pod.detail = text_of(at(scheduled, "status")) == "True" ? "its node takes it up" : "waits for a node";
    return;
  }
  const Json& status = list_of(statuses).front();
  if (!at(status, "state", "waiting").is_null()) return tell_waiting(pod, status);
  const Json& ended = at(status, "state", "terminated");
  if (!ended.is_null()) {
    pod.phase = ReplicaPhase::failed;
    pod.detail = how_it_ended(ended);
    return;
  }
  pod.detail = is_true(at(status, "started")) ? "does not answer its question for readiness" : "has not answered yet";
  if (number_of(at(status, "restartCount")) > 0)
    pod.detail += "; before, it " + how_it_ended(at(status, "lastState", "terminated"));
}

}  // namespace

std::optional<SeenDeployment> SeenDeployment::from(const Json& object) {
  const auto owner = owner_of(object);
  if (!owner) return std::nullopt;
  SeenDeployment seen;
  const Json& metadata = at(object, "metadata");
  seen.name_space = text_of(at(metadata, "namespace"));
  seen.name = text_of(at(metadata, "name"));
  seen.owner = *owner;
  seen.revision = number_of(at(metadata, "generation"));
  seen.deleting = !at(metadata, "deletionTimestamp").is_null();
  const Json& failure = condition(object, "ReplicaFailure");
  if (text_of(at(failure, "status")) == "True") seen.trouble = with_message("the cluster refuses its pod", failure);
  return seen;
}

std::optional<SeenPod> SeenPod::from(const Json& object) {
  const auto owner = owner_of(object);
  if (!owner) return std::nullopt;
  SeenPod pod;
  const Json& metadata = at(object, "metadata");
  pod.name_space = text_of(at(metadata, "namespace"));
  pod.name = text_of(at(metadata, "name"));
  pod.uid = text_of(at(metadata, "uid"));
  pod.created = text_of(at(metadata, "creationTimestamp"));
  pod.owner = *owner;
  pod.deleting = !at(metadata, "deletionTimestamp").is_null();
  for (const Json& status : list_of(at(object, "status", "containerStatuses")))
    pod.restarts += number_of(at(status, "restartCount"));
  if (text_of(at(condition(object, "Ready"), "status")) == "True") {
    pod.phase = ReplicaPhase::ready;
  } else {
    tell_unready(pod, object);
  }
  return pod;
}

std::optional<double> parse_quantity(std::string_view text) {
  struct Suffix {
    std::string_view text;
    double factor;
  };
  static constexpr std::array<Suffix, 14> suffixes{{{"Ki", 1024.0},
                                                    {"Mi", 1024.0 * 1024},
                                                    {"Gi", 1024.0 * 1024 * 1024},
                                                    {"Ti", 1024.0 * 1024 * 1024 * 1024},
                                                    {"Pi", 1024.0 * 1024 * 1024 * 1024 * 1024},
                                                    {"n", 1e-9},
                                                    {"u", 1e-6},
                                                    {"m", 1e-3},
                                                    {"k", 1e3},
                                                    {"M", 1e6},
                                                    {"G", 1e9},
                                                    {"T", 1e12},
                                                    {"P", 1e15},
                                                    {"", 1.0}}};
  for (const Suffix& suffix : suffixes) {
    if (!text.ends_with(suffix.text)) continue;
    const auto number = parse_double(text.substr(0, text.size() - suffix.text.size()));
    return number ? std::optional(*number * suffix.factor) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace barrio::adapters::kubernetes
