#include "cli/storage_story.h"

#include <algorithm>
#include <filesystem>

#include "adapters/libav/video_file.h"
#include "api/oip/message.h"
#include "api/s3/xml.h"
#include "base/text.h"
#include "cli/deploy.h"
#include "ports/tensor.h"

namespace barrio::cli {

namespace {

constexpr const char* scene_name = "7. Annotated frames are stored in Bilbao, and nowhere else";
constexpr const char* app_file = "examples/street-annotated/app.yaml";
constexpr const char* app_name = "street-annotated";
constexpr size_t frames = 10;

class StorageScene {
 public:
  StorageScene(World& world, Verdicts& verdicts, Session& session, ControlClient control, std::string tenant)
      : world_(world),
        verdicts_(verdicts),
        session_(session),
        control_(std::move(control)),
        bucket_("frames-" + std::move(tenant)) {}

  void play() {
    verdicts_.begin(scene_name);
    if (!deploy() || !make_bucket()) return;
    store_frames();
    if (stored_.empty()) return;
    expect_same_in_bilbao();
    expect_refused_in_madrid();
    expect_no_byte_elsewhere();
    const auto removed = control_.remove(std::string("/apps/") + app_name);
    verdicts_.expect("the app is deleted, its objects stay", removed.has_value(),
                     removed ? "" : removed.error().text());
  }

 private:
  bool deploy() {
    const auto deployed = deploy_app(control_, app_file,
                                     {.within = 90s,
                                      .say = [this](const std::string& line) { world_.screen().say("  " + line); },
                                      .pause = [this](Duration duration) { return world_.pause(duration); }});
    verdicts_.expect("a pipeline that draws into frames what it finds runs in " + std::string(story_area),
                     deployed.has_value(), deployed ? "" : deployed.error().text());
    return deployed.has_value();
  }

  bool make_bucket() {
    const auto made =
        control_.put("/buckets/" + bucket_, JsonObject{{"name", bucket_}, {"location", story_area}, {"copies", 1}});
    verdicts_.expect("barrio bucket create " + bucket_ + " --location " + story_area, made.has_value(),
                     made ? "home " + text_at(*made, "home") : made.error().text());
    if (made) home_ = text_at(*made, "home");
    return made.has_value();
  }

  Result<net::Response> call(const std::string& address, net::Request request) {
    TRY(const auto token, control_.token());
    TRY(const auto to, net::SocketAddress::parse(address));
    request.headers.emplace_back("Authorization", "Bearer " + token);
    return session_.http.call(to, std::move(request), 20s);
  }

  size_t number_of(const std::string& site) const {
    const auto& sites = world_.plan().network.sites;
    const auto found = std::ranges::find(sites, site, [](const Site& one) { return one.id.str(); });
    return static_cast<size_t>(found - sites.begin()) + 1;
  }
  std::string key_of(size_t frame) const { return "/" + bucket_ + "/street/" + std::to_string(frame) + ".jpg"; }

  /// The frame with its boxes, as the app's gateway in Bilbao answers it.
  Result<std::string> annotate(const std::string& frame) {
    TRY(const auto answer, call(world_.plan().layout.gateway(number_of("bio1")),
                                {.method = "POST",
                                 .target = std::string("/v2/models/") + app_name + "/infer",
                                 .headers = {{std::string(api::json_length_header), "0"}},
                                 .body = frame,
                                 .peer_ip = {}}));
    if (answer.status != 200) return fail(problem(answer));
    const auto length = parse_uint(net::find_header(answer.headers, api::json_length_header).value_or(""));
    if (!length) return fail(Code::unavailable, "the answer has no binary part", app_name);
    TRY(const auto response, api::parse_infer_response(answer.body, static_cast<size_t>(*length)));
    for (const ports::Tensor& output : response.outputs) {
      if (output.name != "picture") continue;
      TRY(const auto elements, ports::unpack_bytes(output.data, 1));
      return std::string(elements.front());
    }
    return fail(Code::not_found, "the answer has no picture", app_name);
  }

  Result<void> store(const std::string& address, size_t frame, const std::string& picture) {
    TRY(const auto answer,
        call(address, {.method = "PUT", .target = key_of(frame), .headers = {}, .body = picture, .peer_ip = {}}));
    return answer.status == 200 ? Result<void>() : Result<void>(fail(Code::unavailable, reason_of(answer)));
  }

  static std::string reason_of(const net::Response& answer) {
    const auto xml = api::s3::read_xml(answer.body);
    return "HTTP " + std::to_string(answer.status) +
           (xml ? " " + xml->text_of("Code") + ": " + xml->text_of("Message") : "");
  }

  void store_frames() {
    const auto pictures = adapters::sample_video(world_.plan().demo.video, adapters::Sampling{});
    std::string problem = pictures ? "" : pictures.error().text();
    size_t bytes = 0;
    for (size_t i = 0; pictures && i < std::min(frames, pictures->size()); ++i) {
      auto annotated = annotate((*pictures)[i]);
      const auto kept = annotated ? store(s3_of("bio1"), i, *annotated) : Result<void>(fail(annotated.error()));
      if (!kept) {
        problem = kept.error().text();
        break;
      }
      bytes += annotated->size();
      stored_.push_back(std::move(*annotated));
    }
    verdicts_.expect(
        "frames are annotated and stored in Bilbao", stored_.size() == frames && home_ == "bio1",
        problem.empty() ? std::to_string(stored_.size()) + " objects, " + std::to_string(bytes) + " bytes" : problem);
  }

  std::string s3_of(const std::string& site) const { return world_.plan().layout.s3(number_of(site)); }

  void expect_same_in_bilbao() {
    size_t same = 0;
    for (size_t i = 0; i < stored_.size(); ++i) {
      const auto answer = call(s3_of("bio1"), {.target = key_of(i), .headers = {}, .body = {}, .peer_ip = {}});
      same += answer && answer->status == 200 && answer->body == stored_[i] ? 1 : 0;
    }
    verdicts_.expect("they are read back in Bilbao as they were", same == stored_.size(),
                     std::to_string(same) + " of " + std::to_string(stored_.size()));
  }

  /// Reading, writing and listing.
  void expect_refused_in_madrid() {
    std::string said;
    bool refused = true;
    for (const auto& [method, target] :
         {std::pair<const char*, std::string>{"GET", key_of(0)}, {"PUT", key_of(0)}, {"GET", "/" + bucket_}}) {
      const auto answer =
          call(s3_of("mad1"), {.method = method, .target = target, .headers = {}, .body = {}, .peer_ip = {}});
      const std::string reason = answer ? reason_of(*answer) : answer.error().text();
      refused = refused && answer && answer->status == 403 && reason.find(story_area) != std::string::npos;
      said = reason;
    }
    verdicts_.expect("Madrid refuses to read, write or list them, by name of the policy", refused, said);
  }

  /// A site that ever kept a byte of a bucket has a sealed key of it, and a journal.
  void expect_no_byte_elsewhere() {
    std::string found;
    for (const Site& site : world_.plan().network.sites) {
      const std::string folder = world_.plan().home + "/sites/" + site.id.str() + "/storage/";
      size_t files = 0;
      for (const char* part : {"keys", "journal", "objects"}) {
        std::error_code none;
        for (auto at = std::filesystem::directory_iterator(folder + part, none);
             !none && at != std::filesystem::directory_iterator(); at.increment(none)) {
          ++files;
        }
      }
      if (files > 0) found += site.id.str() + " ";
    }
    verdicts_.expect("no site's disk but Bilbao's has a key, a record or a file of them", found == "bio1 ", found);
  }

  World& world_;
  Verdicts& verdicts_;
  Session& session_;
  ControlClient control_;
  const std::string bucket_;
  std::string home_;
  std::vector<std::string> stored_;
};

}  // namespace

std::string tenant_of_area(const WorldPlan& plan) {
  for (size_t i = 0; i < plan.specs.size(); ++i) {
    const auto& allowed = plan.specs[i].policy.jurisdictions;
    if (allowed.size() == 1 && allowed.front().str() == story_area) return plan.demo.apps[i].tenant.str();
  }
  return "";
}

void play_storage(World& world, Verdicts& verdicts) {
  const std::string tenant = tenant_of_area(world.plan());
  if (tenant.empty()) return verdicts.skip(scene_name, "no app of the demo stays in " + std::string(story_area));
  Session session = world.operator_session();
  session.global.as = tenant;
  auto control = session.control(Speaker::tenant);
  if (!control) {
    verdicts.begin(scene_name);
    return verdicts.expect("a tenant asks control", false, control.error().text());
  }
  StorageScene(world, verdicts, session, std::move(*control), tenant).play();
}

}  // namespace barrio::cli
