#pragma once
// The fields of the objects that are applied, as the Kubernetes API reference (v1.32) names and types them: what is
// misspelt, of another type, or left out although it is required, is refused, as a server does with
// fieldValidation=Strict. Only what the adapter sends is here; a field that it begins to send has to be added.

#include <doctest/doctest.h>

#include <regex>
#include <string>

#include "base/json.h"

namespace barrio::adapters::kubernetes {

/// In a shape: "s" text, "i" number, "b" truth, "q" quantity, "l" DNS label; "*": any name; "!" before a name:
/// required.
inline const Json& shape_of(const std::string& kind) {
  static const Json all = *parse_json(R"({
    "Namespace": {"!apiVersion": "s", "!kind": "s", "!metadata": {"!name": "l", "labels": {"*": "s"}}},
    "NetworkPolicy": {"!apiVersion": "s", "!kind": "s", "!metadata": "meta",
      "!spec": {"!podSelector": {"matchLabels": {"*": "s"}}, "policyTypes": ["s"],
        "ingress": [{"from": [{"ipBlock": {"!cidr": "s"}}], "ports": [{"port": "i", "protocol": "s"}]}], "egress": [{}]}},
    "Secret": {"!apiVersion": "s", "!kind": "s", "!metadata": "meta", "type": "s", "data": {"*": "s"}},
    "Service": {"!apiVersion": "s", "!kind": "s", "!metadata": "meta",
      "!spec": {"type": "s", "selector": {"*": "s"},
        "!ports": [{"!name": "l", "!port": "i", "targetPort": "i", "!protocol": "s"}]}},
    "Deployment": {"!apiVersion": "s", "!kind": "s", "!metadata": "meta",
      "!spec": {"replicas": "i", "revisionHistoryLimit": "i", "!selector": {"!matchLabels": {"*": "s"}},
        "strategy": {"!type": "s", "rollingUpdate": {"maxSurge": "i", "maxUnavailable": "i"}},
        "!template": {"!metadata": {"!labels": {"*": "s"}}, "!spec": "pod"}}},
    "meta": {"!name": "l", "!namespace": "l", "labels": {"*": "s"},
      "ownerReferences": [{"!apiVersion": "s", "!kind": "s", "!name": "s", "!uid": "s"}]},
    "pod": {"automountServiceAccountToken": "b", "enableServiceLinks": "b", "hostname": "l", "restartPolicy": "s",
      "terminationGracePeriodSeconds": "i", "nodeSelector": {"*": "s"},
      "securityContext": {"runAsUser": "i", "runAsGroup": "i", "runAsNonRoot": "b", "seccompProfile": {"!type": "s"}},
      "volumes": [{"!name": "l", "emptyDir": {"medium": "s", "sizeLimit": "q"}}],
      "!containers": [{"!name": "l", "!image": "s", "imagePullPolicy": "s", "command": ["s"], "args": ["s"],
        "ports": [{"!containerPort": "i", "!protocol": "s"}],
        "env": [{"!name": "s", "value": "s", "valueFrom": {"secretKeyRef": {"!name": "l", "!key": "s"}}}],
        "resources": {"requests": {"*": "q"}, "limits": {"*": "q"}},
        "securityContext": {"allowPrivilegeEscalation": "b", "privileged": "b", "readOnlyRootFilesystem": "b",
          "capabilities": {"drop": ["s"]}},
        "volumeMounts": [{"!name": "l", "!mountPath": "s"}],
        "readinessProbe": "probe", "livenessProbe": "probe", "startupProbe": "probe"}]},
    "probe": {"httpGet": {"path": "s", "!port": "i", "scheme": "s"}, "periodSeconds": "i", "timeoutSeconds": "i",
      "failureThreshold": "i"}
  })");
  static const Json none;
  const Json* found = all.get_object().if_contains(kind);
  return found == nullptr ? none : *found;
}

/// What is wrong; empty: nothing.
inline std::string misfit(const Json& value, const Json& shape, const std::string& path) {
  if (shape.is_string()) {
    const std::string type(shape.get_string());
    if (type == "i") return value.is_int64() ? "" : path + " must be a number";
    if (type == "b") return value.is_bool() ? "" : path + " must be true or false";
    if (type.size() > 1) return misfit(value, shape_of(type), path);
    if (!value.is_string()) return path + " must be text";
    const std::string text(value.get_string());
    static const std::regex quantity("[0-9]+(\\.[0-9]+)?(m|k|M|G|Ki|Mi|Gi)?");
    static const std::regex label("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");
    if (type == "q" && !std::regex_match(text, quantity)) return path + " must be a quantity";
    if (type == "l" && !std::regex_match(text, label)) return path + " must be a DNS label";
    return "";
  }
  if (shape.is_array()) {
    if (!value.is_array()) return path + " must be a list";
    for (const Json& item : value.get_array()) {
      if (std::string wrong = misfit(item, shape.get_array().at(0), path + "[]"); !wrong.empty()) return wrong;
    }
    return "";
  }
  REQUIRE(shape.is_object());
  if (!value.is_object()) return path + " must be an object";
  const JsonObject& fields = shape.get_object();
  for (const auto& [name, type] : fields) {
    if (name.starts_with("!") && !value.get_object().contains(name.substr(1)))
      return path + "." + std::string(name.substr(1)) + " is required";
  }
  for (const auto& [name, field] : value.get_object()) {
    const Json* type = fields.if_contains(name);
    if (type == nullptr) type = fields.if_contains("!" + std::string(name));
    if (type == nullptr) type = fields.if_contains("*");
    if (type == nullptr) return "unknown field \"" + path + "." + std::string(name) + "\"";
    if (std::string wrong = misfit(field, *type, path + "." + std::string(name)); !wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace barrio::adapters::kubernetes
