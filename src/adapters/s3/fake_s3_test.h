#pragma once
// An S3 service in memory, as far as a medium asks for one, with what services and networks do to requests. It checks
// signatures. Include after doctest.

#include <functional>
#include <map>
#include <set>

#include "adapters/s3/s3_medium.h"
#include "api/s3/sigv4.h"
#include "api/s3/xml.h"
#include "base/crypto.h"
#include "base/text.h"

namespace barrio::adapters::s3 {

inline const ServiceConfig fake_config{"http://s3.site:7480", "barrio", "bio1/storage", "site", "KEY", "secret"};

/// What becomes of one request.
enum class Lot {
  done,
  refused,        // 503, not done
  broken,         // 500, done
  no_connection,  // not done
  untrusted,      // not done
  answer_lost,    // done
  request_lost,   // not done, and nobody knows
  late,           // done when deliver() is called
};

/// The service: what is kept.
struct FakeService {
  struct Object {
    std::string body;
    std::string owner;
  };
  std::map<std::string, Object> objects;
  std::set<std::string> unlisted;  // put so lately that lists have not heard
  bool lists_late = false;
  bool ignores_conditions = false;
  std::string versioning;
  size_t page = 1000;
  std::map<std::string, int> calls;  // by method

  std::vector<std::string> keys(const std::string& below) const {
    std::vector<std::string> found;
    for (const auto& [key, object] : objects) {
      if (key.starts_with(fake_config.prefix + "/" + below)) found.push_back(key.substr(fake_config.prefix.size() + 1));
    }
    return found;
  }
};

/// One process' way to it.
class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(FakeService& service) : service_(service) {}

  /// Of the request that is the number'th, from 0.
  std::function<Lot(int number, const HttpCall& call)> lot;
  int number = 0;
  int pauses = 0;

  Result<HttpAnswer> call(const HttpCall& call) override {
    const Lot drawn = lot ? lot(number, call) : Lot::done;
    ++number;
    ++service_.calls[call.method];
    check_signature(call);
    switch (drawn) {
      case Lot::done: return serve(call, call.body);
      case Lot::refused: return HttpAnswer{503, {}, "<Error><Code>SlowDown</Code><Message>later</Message></Error>"};
      case Lot::broken: static_cast<void>(serve(call, call.body)); return HttpAnswer{500, {}, ""};
      case Lot::no_connection: return fail(Code::unavailable, "Connection refused");
      case Lot::untrusted: return fail(Code::denied, "self-signed certificate", "storage.s3.ca_file");
      case Lot::answer_lost: static_cast<void>(serve(call, call.body)); [[fallthrough]];
      case Lot::request_lost: return fail(Code::timed_out, "Timeout was reached");
      case Lot::late:
        late_.emplace_back(call, std::string(call.body));
        return fail(Code::timed_out, "Timeout was reached");
    }
    return fail(Code::unavailable, "");
  }
  void deliver() {
    for (const auto& [call, body] : late_) static_cast<void>(serve(call, body));
    late_.clear();
  }
  WallTime wall() override { return WallTime(std::chrono::seconds(1'800'000'000)); }
  void pause(Duration) override { ++pauses; }

 private:
  static std::string header(const HttpCall& call, std::string_view name) {
    for (const auto& [header, value] : call.headers) {
      if (header == name) return value;
    }
    return "";
  }

  void check_signature(const HttpCall& call) {
    const size_t mark = call.target.find('?');
    api::s3::RequestView view{call.method,
                              std::string_view(call.target).substr(0, mark),
                              mark == std::string::npos ? "" : std::string_view(call.target).substr(mark + 1),
                              {}};
    for (const auto& [name, value] : call.headers) view.headers.emplace_back(name, value);
    const auto claim = api::s3::read_claim(view);
    REQUIRE(claim);
    REQUIRE(claim->has_value());
    CHECK((*claim)->key_id == "KEY");
    CHECK((*claim)->payload_text == sha256_hex(call.body));
    CHECK(api::s3::verify_claim(**claim, view, "secret", wall()));
  }

  HttpAnswer serve(const HttpCall& call, std::string_view body) {
    const size_t mark = call.target.find('?');
    const std::string path = *api::s3::uri_decode(call.target.substr(0, mark));
    REQUIRE(path.starts_with("/barrio"));
    if (path == "/barrio") return serve_bucket(call, body);
    const std::string key = path.substr(8);
    const auto found = service_.objects.find(key);
    if (call.method == "PUT") return put(call, key, body);
    if (found == service_.objects.end()) {
      return {404, {}, call.method == "HEAD" ? "" : "<Error><Code>NoSuchKey</Code></Error>"};
    }
    const auto& object = found->second;
    if (call.method == "HEAD") {
      return {
          200, {{"content-length", std::to_string(object.body.size())}, {"x-amz-meta-barrio-owner", object.owner}}, ""};
    }
    const std::string range = header(call, "range");
    if (range.empty()) return {200, {}, object.body};
    const size_t dash = range.find('-');
    const auto from = *parse_uint(std::string_view(range).substr(6, dash - 6));
    const auto until = *parse_uint(std::string_view(range).substr(dash + 1));
    if (from >= object.body.size()) return {416, {}, ""};
    return {206, {}, object.body.substr(from, until - from + 1)};
  }

  HttpAnswer put(const HttpCall& call, const std::string& key, std::string_view body) {
    const std::string source = header(call, "x-amz-copy-source");
    if (!source.empty()) {
      const auto from = service_.objects.find(api::s3::uri_decode(source)->substr(8));
      if (from == service_.objects.end()) return {404, {}, "<Error><Code>NoSuchKey</Code></Error>"};
      service_.objects[key] = from->second;
      return {200, {}, "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"};
    }
    const bool conditional = header(call, "if-none-match") == "*" && !service_.ignores_conditions;
    if (conditional && service_.objects.contains(key)) return {412, {}, ""};
    service_.objects[key] = {std::string(body), header(call, "x-amz-meta-barrio-owner")};
    if (service_.lists_late) service_.unlisted.insert(key);
    return {200, {}, ""};
  }

  HttpAnswer serve_bucket(const HttpCall& call, std::string_view body) {
    const std::string query = call.target.substr(call.target.find('?') + 1);
    api::s3::XmlWriter xml;
    if (query.starts_with("versioning")) {
      xml.open_root("VersioningConfiguration");
      if (!service_.versioning.empty()) xml.leaf("Status", service_.versioning);
      xml.close();
      return {200, {}, xml.text()};
    }
    if (query.starts_with("delete")) {
      const auto asked = api::s3::read_xml(body);
      REQUIRE(asked);
      for (const auto& object : asked->children) service_.objects.erase(object.text_of("Key"));
      xml.open_root("DeleteResult");
      xml.close();
      return {200, {}, xml.text()};
    }
    const api::s3::RequestView view{call.method, "/barrio", query, {}};
    const std::string prefix = *view.parameter("prefix");
    const std::string after = view.parameter("continuation-token").value_or("");
    xml.open_root("ListBucketResult");
    size_t count = 0;
    std::string last;
    bool truncated = false;
    for (const auto& [key, object] : service_.objects) {
      if (!key.starts_with(prefix) || key <= after || service_.unlisted.contains(key)) continue;
      if (count++ == service_.page) {
        truncated = true;
        break;
      }
      xml.open("Contents");
      xml.leaf("Key", key);
      xml.leaf("Size", static_cast<int64_t>(object.body.size()));
      xml.close();
      last = key;
    }
    xml.flag("IsTruncated", truncated);
    if (truncated) xml.leaf("NextContinuationToken", last);
    xml.close();
    return {200, {}, xml.text()};
  }

  FakeService& service_;
  std::vector<std::pair<HttpCall, std::string>> late_;
};

}  // namespace barrio::adapters::s3
