#include <algorithm>
#include <filesystem>

#include "adapters/fake_core/fake_core_network.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/seal.h"
#include "base/text.h"
#include "cli/certificates.h"
#include "cli/files.h"
#include "cli/roles.h"
#include "cli/world.h"
#include "decide/latency/path.h"
#include "emulation/cameras.h"

namespace barrio::cli {

namespace {

/// Made once per home folder, so that what is in the state stays valid.
struct Secrets {
  std::string peer;
  std::map<std::string, std::string> accounts;  // client id -> secret
};
BARRIO_DESCRIBE(Secrets, (), (peer, accounts))

struct WanLinkFile {
  std::string listen;
  std::string to;
  Duration one_way;
  Duration jitter;
  std::string device;
};
BARRIO_DESCRIBE(WanLinkFile, (), (listen, to, one_way, jitter, device))
struct WanFile {
  std::string listen_from;
  std::vector<WanLinkFile> links;
};
BARRIO_DESCRIBE(WanFile, (), (listen_from, links))
struct CoreFile {
  std::vector<adapters::AttachedDevice> devices;
};
BARRIO_DESCRIBE(CoreFile, (), (devices))

std::string new_secret() {
  return base64url(random_bytes(24));
}

class Writer {
 public:
  explicit Writer(const WorldPlan& plan) : plan_(plan), sites_(plan.network.sites) {}

  Result<void> write() {
    TRY_DO(make_folder(plan_.home, 0700));
    for (const char* folder : {"config", "log", "sites", "control"})
      TRY_DO(make_folder(plan_.home + "/" + folder, 0700));
    TRY_DO(load_secrets());
    TRY_DO(prepare_tls());
    TRY_DO(write_control());
    for (size_t i = 0; i < sites_.size(); ++i) TRY_DO(write_site(i));
    TRY_DO(write_wan());
    TRY_DO(write_core());
    TRY_DO(write_cameras());
    TRY_DO(write_contexts());
    return write_yaml(plan_.home + "/secrets.yaml", secrets_, 0600);
  }

 private:
  std::string file(const std::string& name) const { return plan_.home + "/config/" + name + ".yaml"; }

  Result<void> load_secrets() {
    auto loaded = read_yaml<Secrets>(plan_.home + "/secrets.yaml");
    if (loaded)
      secrets_ = std::move(*loaded);
    else if (loaded.error().code != Code::not_found)
      return fail(std::move(loaded).error());
    if (secrets_.peer.empty()) secrets_.peer = new_secret();
    account("operator");
    for (const DemoApp& app : plan_.demo.apps) account(app.tenant.str());
    for (const Site& site : sites_) account("site-" + site.id.str());
    return {};
  }

  std::string tls_file(const std::string& name) const { return plan_.home + "/tls/" + name; }

  /// The authority and the keys stay from run to run, so that who trusts them goes on; certificates are new each time.
  Result<void> prepare_tls() {
    const std::string folder = plan_.home + "/tls";
    now_ = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    TRY_DO(make_folder(folder, 0700));
    auto loaded = load_authority(folder);
    if (!loaded && loaded.error().code == Code::not_found) loaded = make_authority(folder, now_);
    if (!loaded) return fail(std::move(loaded).error());
    authority_ = std::move(*loaded);
    return write_file(tls_file("tickets.secret"), new_secret() + "\n", 0600);
  }

  Result<void> add_tls(SiteFile& site, size_t index) const {
    const SiteId& id = sites_[index].id;
    TRY_DO(issue_to(plan_.home + "/tls", *authority_, {.site = id, .ips = {plan_.layout.gateway_ip(index + 1)}}, now_));
    const std::string chain = tls_file(id.str() + ".pem");
    const std::string key = tls_file(id.str() + ".key");
    site.peer_tls = PeerTlsFile{.ca = tls_file("ca.pem"), .chain = chain, .key = key};
    site.tls = TlsFile{.listen = plan_.layout.gateway_tls(index + 1),
                       .certificates = {{chain, key}},
                       .ticket_secret_file = tls_file("tickets.secret"),
                       .client_ca = {}};
    return {};
  }

  /// The key stands beside the sites' folders, as a real site's comes from its TPM or from systemd's credentials.
  Result<void> add_storage(SiteFile& site, size_t index) const {
    const std::string folder = plan_.home + "/keys";
    const std::string key = folder + "/" + site.site + ".key";
    TRY_DO(make_folder(folder, 0700));
    if (!std::filesystem::exists(key)) TRY_DO(write_file(key, hex_of(random_bytes(seal_key_bytes)) + "\n", 0600));
    site.storage = StorageFile{.listen = plan_.layout.s3(index + 1),
                               .key_file = key,
                               .tls_listen = plan_.layout.s3_tls(index + 1),
                               .hosts = {}};
    return {};
  }

  const std::string& account(const std::string& client_id) {
    std::string& secret = secrets_.accounts[client_id];
    if (secret.empty()) secret = new_secret();
    return secret;
  }

  Result<void> write_control() {
    if (plan_.members > 1) TRY_DO(make_folder(plan_.home + "/etcd", 0700));
    std::vector<std::string> ips;
    for (size_t member = 1; member <= plan_.members; ++member) ips.push_back(plan_.layout.control_ip(member));
    TRY_DO(issue_to(plan_.home + "/tls", *authority_, "control", control_certificate({}, std::move(ips)), now_));
    for (size_t member = 1; member <= plan_.members; ++member) TRY_DO(write_control_member(member));
    return {};
  }

  Result<void> write_control_member(size_t member) {
    const std::string name = plan_.members == 1 ? "control" : "control-" + std::to_string(member);
    ControlFile control{.listen = plan_.layout.control(member),
                        .network = plan_.network_file,
                        .state = plan_.home + "/" + control_folder(member) + "/state.db",
                        .blobs = plan_.home + "/" + control_folder(member) + "/blobs",
                        .open_console = true,  // listens on this machine's loopback only
                        .accounts = {{"operator", account("operator"), "operator", "operator"}}};
    for (const DemoApp& app : plan_.demo.apps) {
      control.accounts.push_back({app.tenant.str(), account(app.tenant.str()), "tenant", app.tenant.str()});
    }
    for (const Site& site : sites_) {
      control.accounts.push_back({"site-" + site.id.str(), account("site-" + site.id.str()), "site", site.id.str()});
    }
    control.tls = ControlTlsFile{.listen = plan_.layout.control_tls(member),
                                 .certificates = {{tls_file("control.pem"), tls_file("control.key")}},
                                 .site_ca = tls_file("ca.pem")};
    if (plan_.members > 1) {
      control.member = name;
      control.etcd.emplace();
      for (size_t each = 1; each <= plan_.members; ++each) {
        control.members["control-" + std::to_string(each)] = plan_.layout.control(each);
        control.etcd->endpoints.push_back(plan_.layout.etcd_client(each));
      }
    }
    return write_yaml(file(name), control, 0600);
  }
  std::string control_folder(size_t member) const {
    return plan_.members == 1 ? "control" : "control/" + std::to_string(member);
  }

  Result<void> write_site(size_t index) {
    const std::string id = sites_[index].id.str();
    SiteFile site{.site = id,
                  .listen = plan_.layout.gateway(index + 1),
                  .control = plan_.controls_for_sites(),
                  .client_id = "site-" + id,
                  .client_secret = account("site-" + id),
                  .folder = plan_.home + "/sites/" + id,
                  .core = file("core"),
                  .peer_secret = secrets_.peer,
                  .proxy_peers = {plan_.layout.relay_source()},
                  .peers = {},
                  .access_log = gateway::AccessLogConfig{.folder = plan_.home + "/log/" + id},
                  .tracing = {}};
    if (!plan_.podman.empty()) site.podman = plan_.podman;
    site.programs = ProgramsFile{.without_cgroup = true};  // for trying out
    for (size_t other = 0; other < sites_.size(); ++other) {
      if (other != index) site.peers[sites_[other].id.str()] = plan_.layout.site_to_site(index + 1, other + 1);
    }
    TRY_DO(add_tls(site, index));
    TRY_DO(add_storage(site, index));
    TRY_DO(make_folder(site.folder, 0700));
    return write_yaml(file("site-" + id), site, 0600);
  }

  /// Half the round trip that the priors say, and a twentieth of it as jitter.
  WanLinkFile link(std::string listen, std::string to, Duration round_trip, std::string device) const {
    return {.listen = std::move(listen),
            .to = std::move(to),
            .one_way = round_trip / 2,
            .jitter = round_trip / 40,
            .device = std::move(device)};
  }

  Result<void> write_wan() {
    const PathModel& paths = plan_.network.paths;
    WanFile wan{.listen_from = plan_.layout.relay_source(), .links = {}};
    for (size_t c = 0; c < plan_.demo.cameras.size(); ++c) {
      const DemoCamera& camera = plan_.demo.cameras[c];
      for (size_t s = 0; s < sites_.size(); ++s) {
        const Duration trip =
            decide::access_rtt(paths, camera.access) + decide::path_rtt(paths, camera.location, sites_[s].location);
        wan.links.push_back(
            link(plan_.layout.camera_to_site(c + 1, s + 1), plan_.layout.gateway(s + 1), trip, Layout::device(c + 1)));
      }
    }
    for (size_t a = 0; a < sites_.size(); ++a) {
      for (size_t b = 0; b < sites_.size(); ++b) {
        if (a == b) continue;
        const Duration trip = decide::path_rtt(paths, sites_[a].location, sites_[b].location);
        wan.links.push_back(link(plan_.layout.site_to_site(a + 1, b + 1), plan_.layout.gateway(b + 1), trip,
                                 plan_.layout.gateway_ip(a + 1)));
      }
    }
    return write_yaml(file("wan"), wan);
  }

  Result<void> write_core() const {
    CoreFile core;
    for (size_t c = 0; c < plan_.demo.cameras.size(); ++c) {
      const DemoCamera& camera = plan_.demo.cameras[c];
      core.devices.push_back(
          {Layout::device(c + 1), {camera.name, camera.location, camera.access, camera.jurisdiction}});
    }
    return write_yaml(file("core"), core);
  }

  Result<void> write_cameras() {
    emulation::CamerasConfig config{.video = plan_.demo.video, .control = plan_.controls(), .cameras = {}};
    const size_t count = plan_.demo.cameras.size();
    for (size_t c = 0; c < count; ++c) {
      const DemoCamera& camera = plan_.demo.cameras[c];
      const AppSpec& spec = spec_of(camera.tenant);
      emulation::CameraConfig made{
          .name = camera.name,
          .app = spec.name.str(),
          .client_id = camera.tenant.str(),
          .client_secret = account(camera.tenant.str()),
          .entries = {},
          .interval = plan_.demo.interval,
          .offset = 500ms + plan_.demo.interval * static_cast<int64_t>(c) / static_cast<int64_t>(count),
          .objective = spec.objective.latency};
      made.entries = entries_of(c);
      config.cameras.push_back(std::move(made));
    }
    return write_yaml(file("cameras"), config, 0600);
  }

  const AppSpec& spec_of(const TenantId& tenant) const {
    size_t index = 0;
    while (plan_.demo.apps[index].tenant != tenant) ++index;  // Demo::check: there is one
    return plan_.specs[index];
  }

  std::vector<emulation::CameraEntry> entries_of(size_t camera) const {
    std::vector<size_t> order;
    for (size_t s = 0; s < sites_.size(); ++s) order.push_back(s);
    const LatLon& here = plan_.demo.cameras[camera].location;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return distance_km(here, sites_[a].location) < distance_km(here, sites_[b].location);
    });
    std::vector<emulation::CameraEntry> entries;
    for (const size_t s : order)
      entries.push_back({sites_[s].id.str(), plan_.layout.camera_to_site(camera + 1, s + 1)});
    return entries;
  }

  Result<void> write_contexts() {
    TRY(auto contexts, load_contexts(plan_.home));
    const std::string control = plan_.controls("http://");
    for (Context& context : contexts.contexts) context.control = control;
    contexts.put({"operator", control, "operator", account("operator")});
    for (const DemoApp& app : plan_.demo.apps)
      contexts.put({app.tenant.str(), control, app.tenant.str(), account(app.tenant.str())});
    if (contexts.find(contexts.current) == nullptr) contexts.current = plan_.demo.apps.front().tenant.str();
    return save_contexts(plan_.home, contexts);
  }

  const WorldPlan& plan_;
  const std::vector<Site>& sites_;
  Secrets secrets_;
  std::optional<CertificateAuthority> authority_;
  WallTime now_;
};

}  // namespace

Result<void> write_configs(const WorldPlan& plan) {
  return Writer(plan).write();
}

}  // namespace barrio::cli
