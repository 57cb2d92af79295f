#pragma once
// An API server of the tests, over TLS, with the controllers and the node behind it: strict about what it is asked, and
// as moody as it is told to be. What it was asked for is kept, to be held against the role that deploy/kubernetes
// grants.

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <set>

#include "adapters/kubernetes/shapes_test.h"
#include "base/base64.h"
#include "base/json_read.h"
#include "base/text.h"
#include "net/endpoint.h"
#include "net/server.h"
#include "net/tls_test_files.h"

namespace barrio::adapters::kubernetes {

class FakeCluster {
 public:
  using Headers = net::OwnedHeaders;

  explicit FakeCluster(net::Reactor& reactor) : reactor_(reactor), server_(reactor, {}, handler()) {
    const auto tls = files.server({.certificates = {files.issue("api", {"kubernetes"})}, .protocols = {"http/1.1"}});
    const auto bound = server_.listen(*net::SocketAddress::parse("127.0.0.1:0"), tls);
    REQUIRE(bound);
    endpoint = *bound;
    endpoint.tls = files.client();
    endpoint.name = "127.0.0.1";
    files.write("token", token + "\n");
  }
  ~FakeCluster() { *alive_ = false; }
  FakeCluster(const FakeCluster&) = delete;
  FakeCluster& operator=(const FakeCluster&) = delete;

  net::TestFiles files;  // "token" among them
  net::Endpoint endpoint;
  std::string token = "first";
  /// How the pods that are made from now on fare: ready, unready, unschedulable, no image, crash, forbidden.
  std::string fate = "ready";
  Duration step = 10ms;  // of the controllers and the node
  size_t page = 500;     // objects of a list's page, whatever was asked for
  bool metrics = true;
  bool away = false;                 // answers nothing
  std::deque<net::Response> moods;   // the next answers to what is applied or deleted
  std::set<std::string> used;        // "verb resource.group"
  std::vector<std::string> refused;  // what was wrong with what it was asked
  size_t applied = 0, lists = 0, watches = 0;
  std::map<std::string, int64_t> watched_from;  // by resource: the revision that the last watch went on from

  const std::map<std::string, JsonObject>& objects() const { return objects_; }
  std::vector<std::string> keys(const std::string& resource) const {
    std::vector<std::string> found;
    for (const auto& [key, object] : objects_) {
      if (key.starts_with(resource + "/")) found.push_back(key);
    }
    return found;
  }
  JsonObject& object(const std::string& key) {
    REQUIRE_MESSAGE(objects_.contains(key), key);
    return objects_.at(key);
  }
  /// What was changed there is told to those who watch.
  void touch(const std::string& key, bool spec = false) {
    JsonObject& changed = object(key);
    if (spec) meta(changed)["generation"] = json_read::number_of(meta(changed)["generation"]) + 1;
    tell("MODIFIED", key, changed);
  }
  void erase(const std::string& key) {
    JsonObject gone = object(key);
    objects_.erase(key);
    tell("DELETED", key, gone);
  }
  /// With all that it owns.
  void end_deployment(const std::string& key) {
    meta(objects_.at(key))["deletionTimestamp"] = "2026-01-01T01:00:00Z";
    touch(key);
    for (const std::string& pod : pods_of(key)) end_pod(pod);
    later(4 * step, [this, key] { collect(key); });
  }
  /// The only pod whose name begins so.
  std::string pod_like(const std::string& start) const {
    std::string found;
    for (const std::string& key : keys("pods")) {
      if (key.find("/" + start + "-") == std::string::npos) continue;
      CHECK(found.empty());
      found = key;
    }
    REQUIRE_MESSAGE(!found.empty(), start);
    return found;
  }
  /// Its container ends with code 3, and is started again.
  void kill(const std::string& pod) {
    set_container(pod, "waiting", "CrashLoopBackOff", 3);
    later(5 * step, [this, pod] {
      if (objects_.contains(pod)) set_running(pod, true);
    });
  }
  void set_running(const std::string& pod, bool ready) {
    JsonObject& status = object(pod)["status"].as_object();
    status["phase"] = "Running";
    JsonObject& container = status["containerStatuses"].as_array().at(0).as_object();
    container["state"] = JsonObject{{"running", JsonObject{{"startedAt", "2026-01-01T00:00:00Z"}}}};
    container["started"] = true;
    set_ready(pod, ready);
  }
  void set_ready(const std::string& pod, bool ready) {
    JsonObject& status = object(pod)["status"].as_object();
    status["conditions"] = JsonArray{condition("PodScheduled", true), condition("Ready", ready)};
    touch(pod);
  }

  /// Connections of watches end in the middle.
  void cut_watches() { watching_.clear(); }
  /// What was before is not known any more. `told`: those who watch hear of it.
  void forget_history(bool told = true) {
    floor_ = revision_;
    history_.clear();
    if (!told) return;
    for (Watching& one : watching_) {
      one.answer.write(print_json(JsonObject{{"type", "ERROR"}, {"object", status(410, "Expired", "too old")}}) + "\n");
      one.answer.end();
    }
    watching_.clear();
  }
  void babble(const std::string& text) {
    for (Watching& one : watching_) one.answer.write(text);
  }
  void come_back() {
    away = false;
    held_.clear();  // answered with 500
  }
  int64_t revision() const { return revision_; }
  size_t watching() const { return watching_.size(); }
  void bookmark() {
    for (Watching& one : watching_) {
      const JsonObject at{{"metadata", JsonObject{{"resourceVersion", std::to_string(revision_)}}}};
      one.answer.write(print_json(JsonObject{{"type", "BOOKMARK"}, {"object", at}}) + "\n");
    }
  }
  static JsonObject status(int code, const std::string& reason, const std::string& message) {
    return {{"kind", "Status"},   {"apiVersion", "v1"}, {"status", "Failure"},
            {"message", message}, {"reason", reason},   {"code", code}};
  }
  static net::Response failure(int code, const std::string& reason, const std::string& message, Headers more = {}) {
    more.emplace_back("Content-Type", "application/json");
    return {code, more, print_json(status(code, reason, message))};
  }

 private:
  struct Event {
    int64_t revision;
    std::string type;
    std::string key;
    JsonObject object;
  };
  struct Watching {
    std::string resource;
    std::string selector;
    net::Responder answer;
  };
  struct Target {
    std::string group;  // "v1", "apps/v1"
    std::string name_space;
    std::string resource;
    std::string name;
    std::string sub;  // "log"
    std::string key() const { return resource + "/" + name_space + "/" + name; }
    std::string role(const std::string& verb) const {
      const std::string of = group.find('/') == std::string::npos ? "" : group.substr(0, group.find('/'));
      return verb + " " + resource + (sub.empty() ? "" : "/" + sub) + "." + of;
    }
  };

  net::RequestHandler handler() {
    return [this](net::Request request, net::Responder answer) {
      if (away) return held_.push_back(std::move(answer));
      if (find(request.headers, "Authorization") != "Bearer " + token)
        return answer(failure(401, "Unauthorized", "Unauthorized"));
      const Target target = parse(std::string(request.path()));
      if (request.method == "GET" && net::query_value(request.query(), "watch") == "true")
        return watch(target, request, std::move(answer));
      answer(reply(target, request));
    };
  }
  static std::string find(const Headers& headers, const char* name) {
    return std::string(net::find_header(headers, name).value_or(""));
  }
  net::Response wrong(int code, const std::string& reason, const std::string& why) {
    refused.push_back(why);
    return failure(code, reason, why);
  }

  static Target parse(const std::string& path) {
    const auto parts = split(std::string_view(path).substr(1), '/');
    Target target;
    size_t i = 1;
    target.group = parts.at(i++);
    if (parts.at(0) == "apis") target.group += "/" + std::string(parts.at(i++));
    if (i + 2 < parts.size() && parts[i] == "namespaces") {
      target.name_space = parts[i + 1];
      i += 2;
    }
    if (i < parts.size()) target.resource = parts[i++];
    if (i < parts.size()) target.name = parts[i++];
    if (i < parts.size()) target.sub = parts[i++];
    return target;
  }

  net::Response reply(const Target& target, const net::Request& request) {
    static const std::map<std::string, std::string> groups{
        {"namespaces", "v1"},       {"services", "v1"}, {"secrets", "v1"},
        {"deployments", "apps/v1"}, {"pods", "v1"},     {"networkpolicies", "networking.k8s.io/v1"}};
    if (target.group == "metrics.k8s.io/v1beta1") return figures(target);
    const auto group = groups.find(target.resource);
    if (group == groups.end() || group->second != target.group)
      return wrong(404, "NotFound", "no such resource: " + request.target);
    if (request.method == "GET") return target.name.empty() ? list(target, request) : read_log(target, request);
    if (!moods.empty()) {
      const net::Response mood = moods.front();
      moods.pop_front();
      return mood;
    }
    if (request.method == "PATCH") return apply(target, request);
    if (request.method == "DELETE") return remove(target, request);
    return wrong(405, "MethodNotAllowed", request.method);
  }

  static bool matches(const JsonObject& object, const std::string& selector) {
    const size_t equals = selector.find('=');
    const Json labels = json_read::at(Json(object), "metadata", "labels");
    return json_read::text_of(json_read::at(labels, selector.substr(0, equals))) == selector.substr(equals + 1);
  }

  net::Response list(const Target& target, const net::Request& request) {
    used.insert(target.role("list"));
    ++lists;
    const auto selector = net::query_value(request.query(), "labelSelector");
    const auto limit = parse_uint(net::query_value(request.query(), "limit").value_or(""));
    if (!selector || !limit) return wrong(400, "BadRequest", "a list needs labelSelector and limit here");
    const std::string from = net::query_value(request.query(), "continue").value_or("");
    JsonArray items;
    std::string next;
    for (const std::string& key : keys(target.resource)) {
      if (!matches(objects_.at(key), *selector) || (!from.empty() && key < from)) continue;
      if (items.size() == std::min<size_t>(*limit, page)) {
        next = key;
        break;
      }
      items.push_back(objects_.at(key));
    }
    JsonObject about{{"resourceVersion", std::to_string(revision_)}};
    if (!next.empty()) about["continue"] = next;
    return json(200, JsonObject{{"kind", "List"}, {"metadata", about}, {"items", items}});
  }

  void watch(const Target& target, const net::Request& request, net::Responder answer) {
    used.insert(target.role("watch"));
    ++watches;
    const auto selector = net::query_value(request.query(), "labelSelector");
    const auto from = parse_uint(net::query_value(request.query(), "resourceVersion").value_or(""));
    const bool bounded = net::query_value(request.query(), "timeoutSeconds").has_value();
    if (!selector || !from || !bounded || net::query_value(request.query(), "allowWatchBookmarks") != "true")
      return answer(wrong(400, "BadRequest", "a watch needs selector, resourceVersion, timeoutSeconds and bookmarks"));
    if (static_cast<int64_t>(*from) < floor_) return answer(failure(410, "Expired", "too old resource version"));
    watched_from[target.resource] = static_cast<int64_t>(*from);
    answer.begin({200, {{"Content-Type", "application/json"}}, ""});
    for (const Event& event : history_) {
      if (event.revision > static_cast<int64_t>(*from)) write(answer, target.resource, *selector, event);
    }
    watching_.push_back({target.resource, *selector, std::move(answer)});
  }
  static void write(net::Responder& answer, const std::string& resource, const std::string& selector,
                    const Event& event) {
    if (!event.key.starts_with(resource + "/") || !matches(event.object, selector)) return;
    const std::string line = print_json(JsonObject{{"type", event.type}, {"object", event.object}}) + "\n";
    // In two pieces: events are not messages.
    answer.write(line.substr(0, line.size() / 2));
    answer.write(line.substr(line.size() / 2));
  }

  net::Response apply(const Target& target, const net::Request& request) {
    static const std::map<std::string, std::string> kinds{{"namespaces", "Namespace"},
                                                          {"networkpolicies", "NetworkPolicy"},
                                                          {"services", "Service"},
                                                          {"secrets", "Secret"},
                                                          {"deployments", "Deployment"}};
    ++applied;
    used.insert(target.role("patch"));
    if (find(request.headers, "Content-Type") != "application/apply-patch+yaml")
      return wrong(415, "UnsupportedMediaType", "the content type of a server-side apply");
    for (const auto& [name, value] :
         {std::pair("fieldManager", "barrio"), {"force", "true"}, {"fieldValidation", "Strict"}}) {
      if (net::query_value(request.query(), name) != value) return wrong(400, "BadRequest", name);
    }
    const auto body = parse_json(request.body);
    const auto kind = kinds.find(target.resource);
    if (!body || kind == kinds.end()) return wrong(400, "BadRequest", "no object of " + target.resource);
    if (std::string why = misfit(*body, shape_of(kind->second), kind->second); !why.empty())
      return wrong(400, "BadRequest", why);
    const auto text = [&](auto... path) { return json_read::text_of(json_read::at(*body, path...)); };
    if (text("kind") != kind->second || text("apiVersion") != target.group || text("metadata", "name") != target.name ||
        text("metadata", "namespace") != target.name_space)
      return wrong(400, "BadRequest", "the object is not the one of the path");
    if (!target.name_space.empty() && !objects_.contains("namespaces//" + target.name_space))
      return failure(404, "NotFound", "namespaces \"" + target.name_space + "\" not found");
    if (target.resource == "secrets") {
      for (const auto& [name, value] : json_read::texts_of(json_read::at(*body, "data"))) {
        if (!from_base64(value)) return wrong(400, "BadRequest", "no base64: " + name);
      }
    }
    return merge(target, body->get_object());
  }

  /// Fields that were applied before and are not now go; those of others stay.
  net::Response merge(const Target& target, const JsonObject& wanted) {
    const std::string key = target.key();
    const bool fresh = !objects_.contains(key);
    if (fresh) used.insert(target.role("create"));
    JsonObject after = fresh ? JsonObject() : objects_.at(key);
    const JsonObject before = after;
    if (fresh) make(key, after);
    if (!fresh && target.resource == "deployments" &&
        json_read::at(Json(before), "spec", "selector") != json_read::at(Json(wanted), "spec", "selector"))
      return wrong(422, "Invalid", "spec.selector: field is immutable");
    drop(after, applied_[key], wanted);
    overlay(after, wanted);
    applied_[key] = wanted;
    if (target.resource == "services") after["spec"].as_object()["clusterIP"] = "127.0.0.1";
    if (!fresh && after == before) return json(200, after);
    const bool spec = fresh || json_read::at(Json(after), "spec") != json_read::at(Json(before), "spec");
    JsonObject& kept = objects_[key] = after;
    if (spec) meta(kept)["generation"] = fresh ? 1 : json_read::number_of(meta(kept)["generation"]) + 1;
    tell(fresh ? "ADDED" : "MODIFIED", key, kept);
    if (target.resource == "deployments" && spec) later(step, [this, key] { roll(key); });
    return json(fresh ? 201 : 200, objects_.at(key));
  }
  static void overlay(JsonObject& into, const JsonObject& wanted) {
    for (const auto& [name, value] : wanted) {
      if (value.is_object() && into[name].is_object()) {
        overlay(into[name].as_object(), value.get_object());
      } else {
        into[name] = value;
      }
    }
  }
  static void drop(JsonObject& from, const JsonObject& earlier, const JsonObject& wanted) {
    for (const auto& [name, value] : earlier) {
      if (!wanted.contains(name)) {
        from.erase(name);
      } else if (value.is_object() && wanted.at(name).is_object() && from[name].is_object()) {
        drop(from[name].as_object(), value.get_object(), wanted.at(name).get_object());
      }
    }
  }
  static JsonObject& meta(JsonObject& object) { return object["metadata"].as_object(); }
  void make(const std::string& key, JsonObject& object) {
    if (!object.contains("metadata")) object["metadata"] = JsonObject();
    meta(object)["uid"] = "uid-" + std::to_string(++made_);
    char created[32];
    std::snprintf(created, sizeof created, "2026-01-01T00:%02zu:%02zuZ", made_ / 60 % 60, made_ % 60);
    meta(object)["creationTimestamp"] = created;
    meta(object)["managedFields"] = JsonArray{JsonObject{{"manager", "barrio"}, {"operation", "Apply"}}};
    static_cast<void>(key);
  }

  net::Response remove(const Target& target, const net::Request& request) {
    used.insert(target.role("delete"));
    if (target.resource != "deployments" || net::query_value(request.query(), "propagationPolicy") != "Foreground")
      return wrong(400, "BadRequest", "only Deployments are deleted here, and what they own before them");
    const std::string key = target.key();
    if (!objects_.contains(key)) return failure(404, "NotFound", "deployments \"" + target.name + "\" not found");
    end_deployment(key);
    return json(200, objects_.at(key));
  }
  /// The garbage collector.
  void collect(const std::string& key) {
    if (!objects_.contains(key)) return;
    if (!pods_of(key).empty()) return later(step, [this, key] { collect(key); });
    const std::string uid = json_read::text_of(meta(object(key))["uid"]);
    std::vector<std::string> owned;
    for (const auto& [other, object] : objects_) {
      const Json owners = json_read::at(Json(object), "metadata", "ownerReferences");
      for (const Json& one : json_read::list_of(owners)) {
        if (json_read::text_of(json_read::at(one, "uid")) == uid) owned.push_back(other);
      }
    }
    for (const std::string& other : owned) erase(other);
    erase(key);
    applied_.erase(key);
    for (const std::string& other : owned) applied_.erase(other);
  }

  std::vector<std::string> pods_of(const std::string& deployment) const {
    std::vector<std::string> found;
    for (const std::string& key : keys("pods")) {
      if (made_by_.at(key) == deployment) found.push_back(key);
    }
    return found;
  }
  /// One pod of this template, in place of those of an earlier one.
  void roll(const std::string& deployment) {
    if (!objects_.contains(deployment) || meta(object(deployment)).contains("deletionTimestamp")) return;
    if (fate == "forbidden") {
      JsonObject failed = condition("ReplicaFailure", true);
      failed["message"] = "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"";
      object(deployment)["status"] = JsonObject{{"conditions", JsonArray{failed}}};
      return touch(deployment);
    }
    const auto before = pods_of(deployment);
    add_pod(deployment);
    for (const std::string& pod : before) end_pod(pod);
  }
  void add_pod(const std::string& deployment) {
    const Json made = object(deployment);
    const Json& pattern = json_read::at(made, "spec", "template");
    JsonObject pod{{"apiVersion", "v1"},
                   {"kind", "Pod"},
                   {"metadata", json_read::at(pattern, "metadata")},
                   {"spec", json_read::at(pattern, "spec")}};
    const size_t slash = deployment.rfind('/');
    const std::string name = deployment.substr(slash + 1) + "-" + std::to_string(++made_);
    const std::string key = "pods" + deployment.substr(deployment.find('/'), slash + 1 - deployment.find('/')) + name;
    make(key, pod);
    meta(pod)["name"] = name;
    meta(pod)["namespace"] = deployment.substr(deployment.find('/') + 1, slash - deployment.find('/') - 1);
    JsonObject scheduled = condition("PodScheduled", fate != "unschedulable");
    if (fate == "unschedulable") {
      scheduled["reason"] = "Unschedulable";
      scheduled["message"] = "0/3 nodes are available: 3 Insufficient memory.";
    }
    pod["status"] = JsonObject{{"phase", "Pending"}, {"conditions", JsonArray{scheduled}}};
    objects_[key] = pod;
    made_by_[key] = deployment;
    tell("ADDED", key, objects_[key]);
    if (fate != "unschedulable") later(step, [this, key, how = fate] { start_pod(key, how); });
  }
  void start_pod(const std::string& key, const std::string& how) {
    if (!objects_.contains(key)) return;
    if (how == "no image") return set_container(key, "waiting", "ImagePullBackOff", 0);
    if (how == "crash") return set_container(key, "waiting", "CrashLoopBackOff", 3);
    set_container(key, "waiting", "ContainerCreating", 0);
    later(step, [this, key, how] {
      if (objects_.contains(key)) set_running(key, how == "ready");
    });
  }
  void set_container(const std::string& pod, const char* state, const std::string& reason, int code) {
    JsonObject& status = object(pod)["status"].as_object();
    int64_t restarts = 0;
    if (status.contains("containerStatuses"))
      restarts = status["containerStatuses"].as_array().at(0).as_object()["restartCount"].as_int64();
    JsonObject container{{"name", "app"}, {"ready", false}, {"restartCount", restarts + (code != 0 ? 1 : 0)}};
    JsonObject detail{{"reason", reason}};
    if (reason == "ImagePullBackOff") detail["message"] = "Back-off pulling image";
    container["state"] = JsonObject{{state, detail}};
    if (code != 0) container["lastState"] = JsonObject{{"terminated", JsonObject{{"exitCode", code}}}};
    status["containerStatuses"] = JsonArray{container};
    set_ready(pod, false);
  }
  void end_pod(const std::string& pod) {
    meta(object(pod))["deletionTimestamp"] = "2026-01-01T01:00:00Z";
    touch(pod);
    later(step, [this, pod] {
      if (!objects_.contains(pod)) return;
      erase(pod);
      made_by_.erase(pod);
    });
  }

  net::Response read_log(const Target& target, const net::Request& request) {
    used.insert(target.role("get"));
    if (target.sub != "log") return wrong(405, "MethodNotAllowed", "objects are watched, not asked for");
    if (!objects_.contains(target.key())) return failure(404, "NotFound", "no such pod");
    const auto lines = parse_uint(net::query_value(request.query(), "tailLines").value_or(""));
    if (net::query_value(request.query(), "container") != "app" || !lines)
      return wrong(400, "BadRequest", "a log of which container, and how much of it");
    return {200, {{"Content-Type", "text/plain"}}, "2026-01-01T00:00:00Z one\n2026-01-01T00:00:01Z two\n"};
  }
  net::Response figures(const Target& target) {
    used.insert(target.role("get"));
    if (!metrics) return failure(404, "NotFound", "the server could not find the requested resource");
    const JsonObject amounts{{"cpu", "250m"}, {"memory", "2048Ki"}};
    return json(200, JsonObject{{"containers", JsonArray{JsonObject{{"name", "app"}, {"usage", amounts}}}}});
  }

  static JsonObject condition(const char* type, bool holds) {
    return {{"type", type}, {"status", holds ? "True" : "False"}};
  }
  static net::Response json(int code, const Json& value) {
    return {code, {{"Content-Type", "application/json"}}, print_json(value)};
  }
  void tell(const std::string& type, const std::string& key, JsonObject& changed) {
    meta(changed)["resourceVersion"] = std::to_string(++revision_);
    history_.push_back({revision_, type, key, changed});
    for (Watching& one : watching_) write(one.answer, one.resource, one.selector, history_.back());
  }
  void later(Duration wait, std::function<void()> action) {
    reactor_.call_after(wait, [alive = alive_, action = std::move(action)] {
      if (*alive) action();
    });
  }

  net::Reactor& reactor_;
  net::MessageServer server_;
  std::map<std::string, JsonObject> objects_;  // "deployments/NAMESPACE/NAME"
  std::map<std::string, JsonObject> applied_;
  std::map<std::string, std::string> made_by_;  // pod -> deployment
  std::vector<Event> history_;
  std::vector<Watching> watching_;
  std::vector<net::Responder> held_;
  int64_t revision_ = 100;
  int64_t floor_ = 0;
  size_t made_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace barrio::adapters::kubernetes
