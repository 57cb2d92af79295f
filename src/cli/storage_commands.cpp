// Buckets, objects and S3 keys. Objects go to their bucket's home over S3, with the tenant's token instead of a
// signature.

#include <cstdio>
#include <iostream>
#include <iterator>

#include "api/s3/sigv4.h"
#include "api/s3/xml.h"
#include "cli/actions.h"
#include "cli/bucket_client.h"
#include "cli/files.h"
#include "cli/table.h"
#include "cli/view.h"
#include "decide/residency/residency.h"
#include "model/bucket.h"

namespace barrio::cli {

namespace {

constexpr size_t most_object_bytes = 64 * 1024 * 1024;  // of one that this command carries
constexpr Duration object_patience = 5min;

/// The reason that an S3 answer gives, as an Error.
Error s3_problem(const net::Response& response) {
  Error error{Code::unavailable, "HTTP " + std::to_string(response.status), {}};
  if (response.status == 403) error.code = Code::denied;
  if (response.status == 404) error.code = Code::not_found;
  if (response.status == 409 || response.status == 412) error.code = Code::conflict;
  if (response.status == 400) error.code = Code::invalid;
  if (const auto xml = api::s3::read_xml(response.body)) {
    error.what = xml->text_of("Message") + " (" + xml->text_of("Code") + ")";
  }
  return error;
}

}  // namespace

Result<Json> find_bucket(ControlClient& control, const std::string& name) {
  TRY(auto answer, control.list("/buckets", "buckets"));
  for (const Json& bucket : items(answer, "buckets")) {
    if (text_at(bucket, "name") == name) return bucket;
  }
  return fail(Code::not_found, "there is no bucket '" + name + "'; 'barrio bucket list' shows all", "bucket");
}

/// "bio1, mad1 (joining)": the home first.
std::string members_text(const Json& bucket) {
  std::string text = text_at(bucket, "home");
  for (const Json& follower : items(bucket, "followers")) {
    text += ", " + text_at(follower, "site") + (text_at(follower, "state") == "in_sync" ? "" : " (joining)");
  }
  return text;
}

Result<net::Response> ask_home(Session& session, ControlClient& control, const Json& bucket, net::Request request) {
  const auto address = net::SocketAddress::parse(text_at(bucket, "endpoint"));
  if (!address) {
    return fail(Code::unavailable, "the bucket's home " + text_at(bucket, "home") + " is not there now",
                text_at(bucket, "name"));
  }
  TRY(const auto token, control.token());
  request.headers.emplace_back("Authorization", "Bearer " + token);
  auto answer = session.http.call(*address, std::move(request), object_patience);
  if (!answer) {
    return fail(
        std::move(answer).error().within("site " + text_at(bucket, "home") + ", home of " + text_at(bucket, "name")));
  }
  if (answer->status / 100 != 2) return fail(s3_problem(*answer).within(text_at(bucket, "name")));
  return answer;
}

namespace {

Result<net::Response> ask_home_of(Session& session, ControlClient& control, const std::string& bucket,
                                  net::Request request) {
  TRY(const auto found, find_bucket(control, bucket));
  return ask_home(session, control, found, std::move(request));
}

/// "?": the bucket's home has not said yet.
std::string holding_text(const Json& bucket, const char* amount) {
  const std::string text = text_at(bucket, amount);
  return text.empty() ? "?" : text;
}

struct Target {
  std::string bucket;
  std::string key;  // or prefix
  std::string path() const { return "/" + bucket + "/" + api::s3::uri_encode(key, true); }
};

Result<Target> parse_target(const std::string& text, bool needs_key) {
  const size_t slash = text.find('/');
  Target target{text.substr(0, slash), slash == std::string::npos ? "" : text.substr(slash + 1)};
  TRY_DO(BucketName::parse(target.bucket));
  if (needs_key && target.key.empty()) return fail(Code::invalid, "must be BUCKET/KEY", text);
  return target;
}

Result<void> put_object(Session& session, ControlClient& control, const Target& target, const std::string& file) {
  std::string content;
  if (file == "-") {
    content.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    TRY(content, read_file(file));
  }
  if (content.size() > most_object_bytes) {
    return fail(Code::exhausted, "has more than 64 MiB; any S3 client stores larger ones (docs/s3.md)", file);
  }
  const auto size = content.size();
  TRY(const auto answer,
      ask_home_of(
          session, control, target.bucket,
          {.method = "PUT", .target = target.path(), .headers = {}, .body = std::move(content), .peer_ip = {}}));
  const std::string etag(net::find_header(answer.headers, "etag").value_or(""));
  session.print(JsonObject{{"bucket", target.bucket}, {"key", target.key}, {"bytes", size}, {"etag", etag}},
                "stored " + target.bucket + "/" + target.key + ", " + std::to_string(size) + " bytes\n");
  return {};
}

Result<void> get_object(Session& session, ControlClient& control, const Target& target, const std::string& file) {
  TRY(const auto answer,
      ask_home_of(session, control, target.bucket,
                  {.method = "GET", .target = target.path(), .headers = {}, .body = {}, .peer_ip = {}}));
  if (!file.empty() && file != "-") return write_file(file, answer.body);
  std::fwrite(answer.body.data(), 1, answer.body.size(), stdout);
  return {};
}

Result<void> list_objects(Session& session, ControlClient& control, const Target& target) {
  Table table({"KEY", "BYTES", "MODIFIED"});
  JsonArray all;
  std::string token;
  do {
    std::string path = "/" + target.bucket + "?list-type=2&prefix=" + api::s3::uri_encode(target.key, false);
    if (!token.empty()) path += "&continuation-token=" + api::s3::uri_encode(token, false);
    TRY(const auto answer, ask_home_of(session, control, target.bucket,
                                       {.method = "GET", .target = path, .headers = {}, .body = {}, .peer_ip = {}}));
    TRY(const auto xml, api::s3::read_xml(answer.body));
    for (const auto& object : xml.children) {
      if (object.name != "Contents") continue;
      table.add({object.text_of("Key"), object.text_of("Size"), object.text_of("LastModified")});
      all.push_back(JsonObject{{"key", object.text_of("Key")},
                               {"bytes", std::strtoll(object.text_of("Size").c_str(), nullptr, 10)},
                               {"modified", object.text_of("LastModified")},
                               {"etag", object.text_of("ETag")}});
    }
    token = xml.text_of("NextContinuationToken");
  } while (!token.empty());
  session.print(JsonObject{{"objects", std::move(all)}}, table.text());
  return {};
}

Result<void> show_policy(Session& session, ControlClient& control, const std::string& bucket) {
  TRY(const auto found, find_bucket(control, bucket));
  const Json& json = member(found, "policy");
  TRY(const auto policy, from_json<Policy>(json, "policy"));
  session.print(found, "bucket " + bucket + " of " + text_at(found, "tenant") + "\n  policy (version " +
                           text_at(found, "policy_version") + "): " + decide::describe(policy) +
                           "\n  kept at: " + members_text(found) + "\n  holds: " + holding_text(found, "objects") +
                           " objects, " + holding_text(found, "bytes") + " bytes\n");
  return {};
}

}  // namespace

Result<void> act_on_object(Session& session, const ObjectCommand& command) {
  using Verb = ObjectCommand::Verb;
  const bool needs_key = command.verb != Verb::ls && command.verb != Verb::policy;
  TRY(const auto target, parse_target(command.target, needs_key));
  TRY(auto control, session.control(Speaker::tenant));
  switch (command.verb) {
    case Verb::put: return put_object(session, control, target, command.file);
    case Verb::get: return get_object(session, control, target, command.file);
    case Verb::ls: return list_objects(session, control, target);
    case Verb::policy: return show_policy(session, control, target.bucket);
    case Verb::rm: break;
  }
  TRY_DO(ask_home_of(session, control, target.bucket,
                     {.method = "DELETE", .target = target.path(), .headers = {}, .body = {}, .peer_ip = {}}));
  session.print(JsonObject{{"deleted", command.target}}, "deleted " + command.target + "\n");
  return {};
}

Result<void> create_bucket(Session& session, const BucketCreateCommand& command) {
  NewBucket wanted;
  TRY(wanted.name, BucketName::parse(command.name));
  wanted.location = command.location;
  wanted.copies = command.copies;
  wanted.object_lock = command.object_lock;
  if (!command.policy.empty()) {
    TRY(wanted.policy, read_yaml<Policy>(command.policy));
  }
  TRY_DO(wanted.check());
  TRY(auto control, session.control(Speaker::tenant));
  TRY(const auto answer, control.put("/buckets/" + command.name, to_json(wanted)));
  session.print(answer, "bucket " + command.name + " at " + members_text(answer) + ", S3 at " +
                            text_at(answer, "endpoint") + "\n");
  return {};
}

Result<void> change_copies(Session& session, const BucketCopiesCommand& command) {
  const BucketCopies wanted{command.copies};
  TRY_DO(wanted.check());
  TRY(auto control, session.control(Speaker::tenant));
  TRY(const auto answer, control.put("/buckets/" + command.name + "/copies", to_json(wanted)));
  session.print(answer, "bucket " + command.name + " at " + members_text(answer) + "\n");
  return {};
}

Result<void> list_buckets(Session& session) {
  TRY(auto control, session.control(Speaker::tenant));
  TRY(const auto answer, control.list("/buckets", "buckets"));
  Table table({"BUCKET", "TENANT", "LOCATION", "COPIES", "HOME AND COPIES", "OBJECTS", "BYTES", "S3"});
  for (const Json& bucket : items(answer, "buckets")) {
    table.add({text_at(bucket, "name"), text_at(bucket, "tenant"), text_at(bucket, "location"),
               text_at(bucket, "copies"), members_text(bucket), holding_text(bucket, "objects"),
               holding_text(bucket, "bytes"), text_at(bucket, "endpoint")});
  }
  session.print(answer, table.text());
  return {};
}

Result<void> delete_bucket(Session& session, const BucketDeleteCommand& command) {
  TRY_DO(BucketName::parse(command.name));
  TRY(auto control, session.control(Speaker::tenant));
  TRY_DO(ask_home_of(session, control, command.name,
                     {.method = "DELETE", .target = "/" + command.name, .headers = {}, .body = {}, .peer_ip = {}}));
  session.print(JsonObject{{"deleted", command.name}}, "deleted " + command.name + "\n");
  return {};
}

Result<void> act_on_s3_key(Session& session, const S3KeyCommand& command) {
  TRY(auto control, session.control(Speaker::operating));
  const std::string path = "/tenants/" + command.tenant + "/s3-keys";
  if (command.verb == S3KeyCommand::Verb::create) {
    TRY(const auto answer, control.post(path, JsonObject{}));
    session.print(answer, "access key " + text_at(answer, "id") + "\nsecret key " + text_at(answer, "secret") +
                              "\nof " + command.tenant + "; the secret is not shown again\n");
    return {};
  }
  if (command.verb == S3KeyCommand::Verb::revoke) {
    TRY_DO(control.remove(path + "/" + command.id));
    session.print(JsonObject{{"revoked", command.id}}, "revoked " + command.id + "\n");
    return {};
  }
  TRY(const auto answer, control.get(path));
  Table table({"S3 KEY"});
  for (const Json& key : items(answer, "keys")) table.add({text_at(key, "id")});
  session.print(answer, table.text());
  return {};
}

}  // namespace barrio::cli
