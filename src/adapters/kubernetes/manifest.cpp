#include "adapters/kubernetes/manifest.h"

#include <algorithm>
#include <cmath>

#include "base/base64.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/text.h"

namespace barrio::adapters::kubernetes {

namespace {

constexpr size_t longest_label = 63;
constexpr int64_t grace_seconds = 5;           // between asking a container to end and killing it
constexpr const char* log_and_disk = "128Mi";  // the kubelet rotates logs well below it
constexpr const char* default_user = "65534:65534";

/// Not longer than `most`, and different for different texts.
std::string shortened(const std::string& text, size_t most) {
  if (text.size() <= most) return text;
  const std::string mark = sha256_hex(text).substr(0, 8);
  return text.substr(0, most - mark.size() - 1) + "-" + mark;
}

JsonObject labels_of(const ClusterPlan& plan, const ReplicaOrder& order) {
  return {{"app.kubernetes.io/managed-by", "barrio"}, {label::site, plan.site},
          {label::tenant, order.app.tenant.str()},    {label::app, order.app.name.str()},
          {label::replica, order.id.str()},           {label::generation, std::to_string(order.generation)}};
}

/// Of one generation's pods.
JsonObject selector(const ClusterPlan& plan, const ReplicaOrder& order) {
  return {{label::site, plan.site},
          {label::replica, order.id.str()},
          {label::generation, std::to_string(order.generation)}};
}

JsonObject metadata(const ClusterPlan& plan, const ReplicaOrder& order) {
  return {{"name", object_name(order.id, order.generation)},
          {"namespace", namespace_of(plan, order.app.tenant)},
          {"labels", labels_of(plan, order)}};
}

JsonObject owned_metadata(const ClusterPlan& plan, const ReplicaOrder& order, const std::string& owner) {
  JsonObject made = metadata(plan, order);
  made["ownerReferences"] = JsonArray{JsonObject{{"apiVersion", "apps/v1"},
                                                 {"kind", "Deployment"},
                                                 {"name", object_name(order.id, order.generation)},
                                                 {"uid", owner}}};
  return made;
}

/// Kubernetes puts variables in place of $(NAME), and reads $$ as $.
std::string literal(const std::string& text) {
  std::string made;
  for (const char c : text) made.append(c == '$' ? 2 : 1, c);
  return made;
}

Json words(const std::vector<std::string>& list) {
  JsonArray array;
  for (const std::string& word : list) array.push_back(Json(literal(word)));
  return array;
}

int64_t whole_seconds(Duration duration) {
  return std::max<int64_t>(1, (duration + 1s - 1ns) / 1s);
}

Json probe(const HealthCheck& check, int port) {
  return JsonObject{{"httpGet", JsonObject{{"path", check.path}, {"port", port}, {"scheme", "HTTP"}}},
                    {"periodSeconds", whole_seconds(check.every)},
                    {"timeoutSeconds", whole_seconds(check.timeout)},
                    {"failureThreshold", check.failures}};
}

void add_probes(JsonObject& container, const ContainerSpec& spec) {
  const HealthCheck ready = spec.ready.value_or(HealthCheck());
  container["readinessProbe"] = probe(ready, spec.port);
  if (spec.live) container["livenessProbe"] = probe(*spec.live, spec.port);
  // It has so long until its first yes; then it is restarted.
  HealthCheck start = ready;
  start.every = 1s;
  start.failures = static_cast<int>(whole_seconds(spec.start_within));
  container["startupProbe"] = probe(start, spec.port);
}

/// The names of NVIDIA's device plugin (MIG slices: strategy "mixed").
std::string accelerator_resource(const Resources& resources) {
  return resources.slice ? "nvidia.com/mig-" + *resources.slice : "nvidia.com/gpu";
}

/// Requests and limits are the same: what placement counts is what it has, and no more.
JsonObject resources_of(const ReplicaOrder& order) {
  JsonObject amounts{{"cpu", cpu_quantity(order.resources.cores)},
                     {"memory", std::to_string(order.resources.memory.count())},
                     {"ephemeral-storage", log_and_disk}};
  if (order.resources.accelerators > 0)
    amounts[accelerator_resource(order.resources)] = std::to_string(order.resources.accelerators);
  return {{"requests", amounts}, {"limits", amounts}};
}

JsonArray environment_of(const ReplicaOrder& order) {
  const ContainerSpec& spec = *order.container;
  std::map<std::string, std::string> plain = spec.environment;
  plain.try_emplace("PORT", std::to_string(spec.port));
  JsonArray variables;
  for (const auto& [name, value] : plain) variables.push_back(JsonObject{{"name", name}, {"value", literal(value)}});
  for (const auto& [name, value] : order.secrets) {
    const JsonObject key{{"name", object_name(order.id, order.generation)}, {"key", name}};
    variables.push_back(JsonObject{{"name", name}, {"valueFrom", JsonObject{{"secretKeyRef", key}}}});
  }
  return variables;
}

JsonObject user_of(const ContainerSpec& spec) {
  const std::string text = spec.user.value_or(default_user);
  const auto parts = split(text, ':');
  const auto user = static_cast<int64_t>(parse_uint(parts.front()).value_or(0));
  const auto group = static_cast<int64_t>(parse_uint(parts.back()).value_or(0));
  return {{"runAsUser", user}, {"runAsGroup", group}};
}

JsonObject container_of(const ReplicaOrder& order, const std::string& image) {
  const ContainerSpec& spec = *order.container;
  JsonObject container{{"name", "app"},
                       {"image", image},
                       {"imagePullPolicy", "IfNotPresent"},
                       {"ports", JsonArray{JsonObject{{"containerPort", spec.port}, {"protocol", "TCP"}}}},
                       {"env", environment_of(order)},
                       {"resources", resources_of(order)}};
  if (!spec.command.empty()) container["command"] = words(spec.command);
  if (!spec.arguments.empty()) container["args"] = words(spec.arguments);
  container["securityContext"] = JsonObject{{"allowPrivilegeEscalation", false},
                                            {"privileged", false},
                                            {"readOnlyRootFilesystem", true},
                                            {"capabilities", JsonObject{{"drop", JsonArray{"ALL"}}}}};
  container["volumeMounts"] = JsonArray{JsonObject{{"name", "scratch"}, {"mountPath", "/tmp"}}};
  add_probes(container, spec);
  return container;
}

JsonObject pod_spec(const ClusterPlan& plan, const ReplicaOrder& order, const std::string& image) {
  JsonObject security = user_of(*order.container);
  security["runAsNonRoot"] = true;
  security["seccompProfile"] = JsonObject{{"type", "RuntimeDefault"}};
  const JsonObject scratch{{"medium", "Memory"}, {"sizeLimit", std::to_string(order.container->scratch.count())}};
  JsonObject spec{{"automountServiceAccountToken", false},
                  {"enableServiceLinks", false},
                  {"hostname", order.app.name.str()},
                  {"restartPolicy", "Always"},
                  {"terminationGracePeriodSeconds", grace_seconds},
                  {"securityContext", std::move(security)},
                  {"containers", JsonArray{container_of(order, image)}},
                  {"volumes", JsonArray{JsonObject{{"name", "scratch"}, {"emptyDir", scratch}}}}};
  JsonObject nodes;
  for (const auto& [name, value] : plan.node_selector) nodes[name] = value;
  if (!nodes.empty()) spec["nodeSelector"] = std::move(nodes);
  return spec;
}

}  // namespace

std::string namespace_of(const ClusterPlan& plan, const TenantId& tenant) {
  return shortened(plan.namespace_prefix + "-" + tenant.str(), longest_label);
}

std::string object_name(const ReplicaId& id, int64_t generation) {
  const std::string end = "-" + std::to_string(generation);
  return "r-" + shortened(id.str(), longest_label - 2 - end.size()) + end;
}

std::string cpu_quantity(double cores) {
  return std::to_string(std::max<int64_t>(1, std::llround(std::ceil(cores * 1000 - 1e-6)))) + "m";
}

Result<void> check_for_cluster(const ReplicaOrder& order) {
  const std::string user = order.container->user.value_or(default_user);
  if (parse_uint(split(user, ':').front()) == 0U)
    return fail(Code::unsupported, "must not be 0: this site's containers run in Kubernetes, which lets none be root",
                "container.user");
  return {};
}

Json namespace_manifest(const ClusterPlan& plan, const TenantId& tenant) {
  const JsonObject labels{{"app.kubernetes.io/managed-by", "barrio"},
                          {label::tenant, tenant.str()},
                          {"pod-security.kubernetes.io/enforce", "restricted"},
                          {"pod-security.kubernetes.io/warn", "restricted"}};
  return JsonObject{{"apiVersion", "v1"},
                    {"kind", "Namespace"},
                    {"metadata", JsonObject{{"name", namespace_of(plan, tenant)}, {"labels", labels}}}};
}

/// Sites that share a cluster have one each: what any of them lets in is let in.
Json network_policy(const ClusterPlan& plan, const TenantId& tenant) {
  JsonArray from;
  for (const std::string& network : plan.gateway)
    from.push_back(JsonObject{{"ipBlock", JsonObject{{"cidr", network}}}});
  // An empty `from` would mean everybody.
  JsonArray ingress;
  if (!from.empty()) ingress.push_back(JsonObject{{"from", std::move(from)}});
  const JsonObject pods{{"matchLabels", JsonObject{{label::site, plan.site}}}};
  return JsonObject{{"apiVersion", "networking.k8s.io/v1"},
                    {"kind", "NetworkPolicy"},
                    {"metadata", JsonObject{{"name", shortened("barrio-" + plan.site, longest_label)},
                                            {"namespace", namespace_of(plan, tenant)}}},
                    {"spec", JsonObject{{"podSelector", pods},
                                        {"policyTypes", JsonArray{"Ingress", "Egress"}},
                                        {"ingress", std::move(ingress)},
                                        {"egress", JsonArray{}}}}};
}

Json deployment(const ClusterPlan& plan, const ReplicaOrder& order, const std::string& image) {
  CHECK(order.container.has_value());
  const JsonObject pod{{"metadata", JsonObject{{"labels", labels_of(plan, order)}}},
                       {"spec", pod_spec(plan, order, image)}};
  // One that changes within its generation (an upgrade of ours, a node that is drained) has its next pod ready first.
  const JsonObject strategy{{"type", "RollingUpdate"},
                            {"rollingUpdate", JsonObject{{"maxSurge", 1}, {"maxUnavailable", 0}}}};
  return JsonObject{{"apiVersion", "apps/v1"},
                    {"kind", "Deployment"},
                    {"metadata", metadata(plan, order)},
                    {"spec", JsonObject{{"replicas", 1},
                                        {"revisionHistoryLimit", 0},
                                        {"strategy", strategy},
                                        {"selector", JsonObject{{"matchLabels", selector(plan, order)}}},
                                        {"template", pod}}}};
}

Json service(const ClusterPlan& plan, const ReplicaOrder& order, const std::string& owner) {
  const int port = order.container->port;
  const JsonObject one{{"name", "http"}, {"port", port}, {"targetPort", port}, {"protocol", "TCP"}};
  return JsonObject{
      {"apiVersion", "v1"},
      {"kind", "Service"},
      {"metadata", owned_metadata(plan, order, owner)},
      {"spec", JsonObject{{"type", "ClusterIP"}, {"selector", selector(plan, order)}, {"ports", JsonArray{one}}}}};
}

Json secret(const ClusterPlan& plan, const ReplicaOrder& order, const std::string& owner) {
  JsonObject data;
  for (const auto& [name, value] : order.secrets) data[name] = base64(value);
  return JsonObject{{"apiVersion", "v1"},
                    {"kind", "Secret"},
                    {"metadata", owned_metadata(plan, order, owner)},
                    {"type", "Opaque"},
                    {"data", std::move(data)}};
}

}  // namespace barrio::adapters::kubernetes
