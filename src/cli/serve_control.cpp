#include "adapters/sqlite/sqlite_state_store.h"
#include "base/crypto.h"
#include "base/log.h"
#include "cli/files.h"
#include "cli/roles.h"
#include "cli/service_loop.h"
#include "console_assets/console_assets.h"
#include "control/http_front.h"

namespace barrio::cli {

namespace {

control::HttpConfig http_config(const ControlFile& file) {
  control::HttpConfig config{.open_console = file.open_console, .assets = {}, .content_security_policy = {}};
  config.content_security_policy = std::string(console::content_security_policy);
  for (const console::Asset& asset : console::console_assets()) {
    config.assets[std::string(asset.path)] = {.content_type = std::string(asset.content_type),
                                              .bytes = asset.bytes,
                                              .etag = "\"" + sha256_hex(asset.bytes).substr(0, 20) + "\""};
  }
  return config;
}

control::ControlConfig control_config(const ControlFile& file, Network network) {
  control::ControlConfig config{.network = std::move(network), .accounts = {}};
  config.emulated_models = file.emulated_models.value_or(false);
  for (const AccountFile& account : file.accounts) {
    config.accounts.bootstrap.push_back({account.client_id, account.client_secret, account.role, account.subject});
  }
  return config;
}

}  // namespace

Result<void> serve_control(const std::string& config) {
  configure_log("control", LogLevel::info, "");
  TRY(auto file, read_yaml<ControlFile>(config));
  TRY(auto network, read_yaml<Network>(file.network));
  TRY(auto address, net::SocketAddress::parse(file.listen));
  TRY_DO(make_folder(file.blobs, 0700));
  TRY_DO(make_folder(folder_of(file.state), 0700));
  ServiceLoop loop;
  TRY(auto state, adapters::SqliteStateStore::open(loop.runtime(), {.path = file.state}));
  const std::string usage_file = folder_of(file.state) + "/usage.db";
  TRY(auto usage_state, adapters::SqliteStateStore::open(loop.runtime(), {.path = usage_file, .most = gib(64)}));
  control::UsageBook usage(loop.runtime(), *usage_state);
  control::BlobStore blobs(loop.runtime(), {.folder = file.blobs});
  control::Control control(loop.runtime(), *state, control_config(file, std::move(network)), &blobs, &usage);
  Registry metrics;
  control::HttpApi http(control, metrics, http_config(file));
  control::HttpFront front(loop.runtime(), loop.reactor(), http, {.body_bytes = 256 * 1024 * 1024});
  loop.runtime().spawn("control", [&] {
    if (auto started = control.start(); !started) return loop.fail_with(std::move(started).error());
    auto bound = front.listen(address);
    if (!bound) return loop.fail_with(std::move(bound).error().within("listen " + file.listen));
    log_info("serving", {{"address", bound->str()}});
    control.run();
    front.drain();
  });
  return loop.run();
}

}  // namespace barrio::cli
