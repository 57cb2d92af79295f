// Everything that a tenant has, in files that need no Barrio to be read: for switching providers, and for a copy of
// one's own. docs/export.md says what stands where.

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "api/s3/sigv4.h"
#include "api/s3/xml.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/text.h"
#include "cli/actions.h"
#include "cli/bucket_client.h"
#include "cli/files.h"
#include "cli/view.h"
#include "model/app.h"

namespace barrio::cli {

namespace {

constexpr WallTime first_usage = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);  // nothing metered before
constexpr auto usage_part = std::chrono::days(10);
constexpr int64_t export_piece_bytes = 16 * 1024 * 1024;  // of an object, in memory at a time

struct ExportedSums {
  int64_t apps = 0;
  int64_t files = 0;
  int64_t buckets = 0;
  int64_t objects = 0;
  int64_t bytes = 0;  // of objects
};
BARRIO_DESCRIBE(ExportedSums, (), (apps, files, buckets, objects, bytes))

class Export {
 public:
  Export(Session& session, ControlClient& control, const ExportCommand& command)
      : session_(session), control_(control), folder_(command.folder), with_versions_(command.versions) {}

  Result<ExportedSums> run() {
    TRY_DO(make_folder(folder_ + "/apps"));
    TRY_DO(make_folder(folder_ + "/files"));
    TRY_DO(export_apps());
    TRY_DO(export_lists());
    TRY(const auto buckets, control_.list("/buckets", "buckets"));
    for (const Json& bucket : items(buckets, "buckets")) TRY_DO(export_bucket(bucket));
    // Last: a folder with it is whole.
    TRY_DO(write_file(folder_ + "/export.json", pretty_json(manifest()) + "\n"));
    return sums_;
  }
  Json manifest() const {
    return JsonObject{{"format", "barrio export 1"}, {"at", to_string(WallTime(at_))}, {"has", to_json(sums_)}};
  }

 private:
  Result<void> export_apps() {
    TRY(const auto list, control_.list("/apps", "apps"));
    for (const Json& entry : items(list, "apps")) {
      TRY(auto app, from_json<App>(member(entry, "app"), "app"));
      AppSpec& spec = app.spec;
      if (spec.container) TRY_DO(export_file(*spec.container));
      if (spec.program) TRY_DO(export_file(*spec.program));
      TRY_DO(export_file(spec.model));
      if (spec.pipeline) {
        for (auto& step : spec.pipeline->steps) TRY_DO(export_file(step.model));
      }
      TRY_DO(write_yaml(folder_ + "/apps/" + spec.name.str() + ".yaml", spec));
      ++sums_.apps;
    }
    return {};
  }

  /// `source` is a model, a container or a program: its file beside the apps, so that `barrio app deploy` finds it.
  template <class Source>
  Result<void> export_file(Source& source) {
    if (source.sha256.empty()) return {};
    const std::string name = "files/" + source.sha256;
    if (files_.insert(source.sha256).second) {
      TRY(const auto content, control_.get_text("/blobs/" + source.sha256));
      if (sha256_hex(content) != source.sha256) return fail(Code::unavailable, "came with another hash", name);
      TRY_DO(write_file(folder_ + "/" + name, content));
      ++sums_.files;
    }
    source.file = "../" + name;
    source.sha256.clear();
    return {};
  }

  /// Of secrets and keys only their names can be told.
  Result<void> export_lists() {
    TRY(const auto secrets, control_.get("/secrets"));
    TRY_DO(write_file(folder_ + "/secrets.json", pretty_json(secrets) + "\n"));
    return export_usage();
  }

  /// In parts: an answer has so many lines at most.
  Result<void> export_usage() {
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    std::string all;
    for (WallTime from = first_usage; from < now; from += usage_part) {
      const WallTime to = std::min<WallTime>(now, from + usage_part);
      const auto part = control_.get_text("/usage?by=app,bucket,site,to,hour&format=csv&from=" + to_string(from) +
                                          "&to=" + to_string(to));
      // A control that keeps no usage has none of this tenant.
      if (!part && part.error().code == Code::not_found) return {};
      if (!part) return fail(part.error());
      // The names of the columns once.
      all += all.empty() ? *part : part->substr(std::min(part->size(), part->find('\n') + 1));
    }
    return write_file(folder_ + "/usage.csv", all);
  }

  Result<net::Response> ask(const Json& bucket, const std::string& target, net::OwnedHeaders headers = {}) {
    return ask_home(session_, control_, bucket,
                    {.method = "GET", .target = target, .headers = std::move(headers), .body = {}, .peer_ip = {}});
  }

  Result<void> export_bucket(const Json& bucket) {
    const std::string name = text_at(bucket, "name");
    const std::string folder = folder_ + "/buckets/" + name;
    TRY_DO(make_folder(folder + "/objects"));
    TRY_DO(write_file(folder + "/bucket.json", pretty_json(bucket) + "\n"));
    for (const auto& [setting, file] : {std::pair{"cors", "cors.xml"},
                                        {"lifecycle", "lifecycle.xml"},
                                        {"object-lock", "object-lock.xml"},
                                        {"policy", "policy.json"},
                                        {"tagging", "tagging.xml"},
                                        {"versioning", "versioning.xml"}}) {
      const auto answer = ask(bucket, "/" + name + "?" + setting);
      if (answer) TRY_DO(write_file(folder + "/" + file, answer->body));
      if (!answer && answer.error().code != Code::not_found) return fail(answer.error());
    }
    std::ofstream current(folder + "/objects.jsonl");
    int64_t number = 0;
    if (with_versions_ && keeps_versions(folder)) {
      TRY_DO(export_versions(bucket, folder, current, number));
    } else {
      TRY_DO(export_objects(bucket, folder, current, number));
    }
    ++sums_.buckets;
    current.close();
    return current ? Result<void>() : Result<void>(fail(Code::unavailable, "cannot be written", folder));
  }

  /// It does or did: there may be older ones than the current ones.
  static bool keeps_versions(const std::string& folder) {
    const auto text = read_file(folder + "/versioning.xml");
    const auto xml = text ? api::s3::read_xml(*text) : Result<api::s3::XmlElement>(fail(text.error()));
    return xml && !xml->text_of("Status").empty();
  }

  Result<void> export_objects(const Json& bucket, const std::string& folder, std::ostream& current, int64_t& number) {
    std::string token;
    do {
      std::string target = "/" + text_at(bucket, "name") + "?list-type=2&encoding-type=url";
      if (!token.empty()) target += "&continuation-token=" + api::s3::uri_encode(token, false);
      TRY(const auto answer, ask(bucket, target));
      TRY(const auto xml, api::s3::read_xml(answer.body));
      for (const auto& object : xml.children) {
        if (object.name != "Contents") continue;
        TRY(const auto line, export_object(bucket, object, folder, ++number));
        current << print_json(line) << "\n";
      }
      token = xml.text_of("NextContinuationToken");
    } while (!token.empty());
    return {};
  }

  /// By key, and within a key from newest to oldest; the current ones are told among the objects, too.
  Result<void> export_versions(const Json& bucket, const std::string& folder, std::ostream& current, int64_t& number) {
    std::ofstream all(folder + "/versions.jsonl");
    std::string next;
    do {
      TRY(const auto answer, ask(bucket, "/" + text_at(bucket, "name") + "?versions&encoding-type=url" + next));
      TRY(const auto xml, api::s3::read_xml(answer.body));
      for (const auto& version : xml.children) {
        if (version.name != "Version" && version.name != "DeleteMarker") continue;
        JsonObject line{{"key", api::s3::uri_decode(version.text_of("Key")).value_or("")},
                        {"delete_marker", true},
                        {"modified", version.text_of("LastModified")}};
        const bool is_newest = version.text_of("IsLatest") == "true";
        if (version.name == "Version") {
          TRY(line, export_object(bucket, version, folder, ++number));
          if (is_newest) current << print_json(line) << "\n";
        }
        line["version"] = version.text_of("VersionId");
        line["newest"] = is_newest;
        all << print_json(line) << "\n";
      }
      // The markers come encoded, as keys do.
      next = xml.text_of("NextKeyMarker").empty() ? ""
                                                  : "&key-marker=" + xml.text_of("NextKeyMarker") +
                                                        "&version-id-marker=" + xml.text_of("NextVersionIdMarker");
    } while (!next.empty());
    all.close();
    return all ? Result<void>() : Result<void>(fail(Code::unavailable, "cannot be written", folder));
  }

  /// Keys are no file names ("a" and "a/b" may both be there): objects are numbered, and the index has their keys.
  Result<JsonObject> export_object(const Json& bucket, const api::s3::XmlElement& listed, const std::string& folder,
                                   int64_t number) {
    const std::string key = api::s3::uri_decode(listed.text_of("Key")).value_or("");
    const std::string version = listed.text_of("VersionId");  // of a list of versions
    const std::string target = "/" + text_at(bucket, "name") + "/" + api::s3::uri_encode(key, true);
    const std::string which = version.empty() ? "" : "versionId=" + version;
    const int64_t size = std::strtoll(listed.text_of("Size").c_str(), nullptr, 10);
    const std::string etag = listed.text_of("ETag");
    const std::string file = "objects/" + std::to_string(number);
    JsonObject line{{"key", key}, {"file", file}, {"size", size}, {"modified", listed.text_of("LastModified")}};
    std::ofstream out(folder + "/" + file, std::ios::binary);
    Hasher md5(HashKind::md5);
    for (int64_t at = 0; at == 0 || at < size; at += export_piece_bytes) {
      net::OwnedHeaders headers = {{"If-Match", etag}};
      if (size > 0) {
        headers.emplace_back("Range",
                             "bytes=" + std::to_string(at) + "-" + std::to_string(at + export_piece_bytes - 1));
      }
      TRY(const auto piece, ask(bucket, which.empty() ? target : target + "?" + which, std::move(headers)));
      md5.add(piece.body);
      out << piece.body;
      if (at == 0) line["fields"] = fields_of_answer(piece);
      if (at == 0 && !version.empty()) line["lock"] = lock_of_answer(piece);
      if (at == 0 && net::find_header(piece.headers, "x-amz-tagging-count")) {
        TRY(const auto tags, ask(bucket, target + "?tagging" + (which.empty() ? "" : "&" + which)));
        line["tagging"] = tags.body;
      }
    }
    out.close();
    if (!out) return fail(Code::unavailable, "cannot be written", folder + "/" + file);
    // The ETag of an object in parts is no hash of its content.
    const std::string whole = "\"" + hex_of(md5.finish()) + "\"";
    if (etag.find('-') == std::string::npos && etag != whole) {
      return fail(Code::unavailable, "came with another MD5 than its ETag " + etag, key);
    }
    line["etag"] = etag;
    ++sums_.objects;
    sums_.bytes += size;
    return line;
  }

  static JsonObject fields_of_answer(const net::Response& answer) {
    JsonObject fields;
    for (const auto& [header, value] : answer.headers) {
      const std::string name = to_lower(header);
      const bool kept = name.starts_with("x-amz-meta-") || name == "content-type" || name == "cache-control" ||
                        name == "content-disposition" || name == "content-encoding" || name == "content-language" ||
                        name == "expires";
      if (kept) fields[name] = value;
    }
    return fields;
  }

  /// In the words of S3's headers, behind x-amz-object-lock-; empty: it is not locked.
  static JsonObject lock_of_answer(const net::Response& answer) {
    constexpr std::string_view prefix = "x-amz-object-lock-";
    JsonObject lock;
    for (const auto& [header, value] : answer.headers) {
      const std::string name = to_lower(header);
      if (name.starts_with(prefix)) lock[name.substr(prefix.size())] = value;
    }
    return lock;
  }

  Session& session_;
  ControlClient& control_;
  const std::string folder_;
  const std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds> at_ =
      std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const bool with_versions_;
  std::set<std::string> files_;
  ExportedSums sums_;
};

/// Made here, and by nobody else: what fails later may remove it.
Result<void> make_new_folder(const std::string& path) {
  std::filesystem::path folder = path;
  if (!folder.has_filename()) folder = folder.parent_path();  // "mine/"
  if (folder.has_parent_path()) TRY_DO(make_folder(folder.parent_path().string()));
  if (::mkdir(folder.c_str(), 0755) == 0) return {};
  if (errno == EEXIST) return fail(Code::conflict, "is there already; name a new folder", path);
  return fail(Code::unavailable, std::string("cannot be made: ") + std::strerror(errno), path);
}

}  // namespace

Result<void> export_tenant(Session& session, const ExportCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  TRY_DO(make_new_folder(command.folder));
  Export whole(session, control, command);
  const auto exported = whole.run();
  if (!exported) {
    // A half one would be in the way of the next try.
    static_cast<void>(remove_folder(command.folder));
    return fail(exported.error());
  }
  const ExportedSums& sums = *exported;
  session.print(whole.manifest(), "exported to " + command.folder + ": " + std::to_string(sums.apps) + " apps, " +
                                      std::to_string(sums.files) + " files, " + std::to_string(sums.buckets) +
                                      " buckets, " + std::to_string(sums.objects) + " objects of " +
                                      std::to_string(sums.bytes) + " bytes\n");
  return {};
}

}  // namespace barrio::cli
