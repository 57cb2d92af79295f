#include "cli/site_log.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "decide/proof/receipt.h"
#include "model/site_identity.h"
#include "net/url.h"

namespace barrio::cli {

namespace {

constexpr Duration meeting_period = 2s;
constexpr Duration meeting_timeout = 2s;
constexpr size_t most_keys_bytes = 4096;
constexpr size_t default_peer_witnesses = 3;

transparency::PublisherConfig publisher_config(const SiteFile& file) {
  transparency::PublisherConfig config;
  if (file.log) config.required = static_cast<size_t>(file.log->cosignatures.value_or(0));
  return config;
}

Result<void> check_log_settings(const LogFile& log) {
  const auto within = [](const std::optional<int64_t>& value) {
    return !value || (*value >= 0 && *value <= static_cast<int64_t>(transparency::Publisher::most_witnesses));
  };
  if (!within(log.cosignatures)) return fail(Code::invalid, "must be 0 to 16", "log.cosignatures");
  if (!within(log.peer_witnesses)) return fail(Code::invalid, "must be 0 to 16", "log.peer_witnesses");
  return {};
}

}  // namespace

Result<transparency::WitnessAddress> parse_witness(const std::string& text) {
  const size_t mark = text.find('=');
  const auto url = net::parse_url(text.substr(0, mark));
  auto key = mark == std::string::npos ? Result<decide::NoteVerifier>(fail(Code::invalid, "is missing"))
                                       : decide::NoteVerifier::parse(text.substr(mark + 1));
  if (!url || url->endpoint.tls || !key || key->kind() != decide::NoteKeyKind::witness) {
    return fail(Code::invalid, "must be http://IP:PORT/PREFIX=NAME+HASH+KEY with the key of a witness", "witness");
  }
  return transparency::WitnessAddress{std::move(*key), url->endpoint.address, url->path};
}

Result<std::unique_ptr<SiteLog>> SiteLog::open(ServiceLoop& loop, const SiteFile& file) {
  TRY(const auto site, SiteId::parse(file.site));
  std::vector<transparency::WitnessAddress> configured;
  if (file.log) {
    TRY_DO(check_log_settings(*file.log));
    for (const std::string& text : file.log->witnesses) {
      TRY(auto witness, parse_witness(text));
      configured.push_back(std::move(witness));
    }
  }
  const std::string folder = file.folder + "/log";
  TRY(auto keys, adapters::load_log_keys(folder, site));
  TRY(auto disk, adapters::open_log_folder(folder));
  auto log = adapters::TileLog::open(loop.runtime(), std::move(disk), site, keys.salt_secret);
  if (!log) return fail(std::move(log.error()).within(folder));
  TRY(auto memory, adapters::open_log_folder(folder));
  return std::unique_ptr<SiteLog>(
      new SiteLog(loop, file, std::move(keys), std::move(*log), std::move(memory), std::move(configured)));
}

SiteLog::SiteLog(ServiceLoop& loop, const SiteFile& file, adapters::LogKeys keys,
                 std::unique_ptr<adapters::TileLog> log, std::unique_ptr<adapters::LogDisk> memory,
                 std::vector<transparency::WitnessAddress> configured)
    : loop_(loop),
      site_(file.site),
      peer_witnesses_(file.log ? static_cast<size_t>(file.log->peer_witnesses.value_or(default_peer_witnesses))
                               : default_peer_witnesses),
      configured_(std::move(configured)),
      key_(keys.log),
      salt_secret_(keys.salt_secret),
      log_(std::move(log)),
      memory_(loop.runtime(), std::move(memory)),
      witness_(loop.runtime(), memory_, keys.witness),
      publisher_(loop.runtime(), *log_, keys.log, publisher_config(file), loop.fetcher(most_keys_bytes)),
      front_(*log_, witness_, SiteId::of(site_), key_, salt_secret_) {
  publisher_.set_witnesses(configured_);
}

void SiteLog::answer(gateway::LogCall call, std::function<void(net::Response)> answer) {
  loop_.runtime().spawn("log request", [this, call = std::move(call), answer = std::move(answer)] {
    answer(front_.answer({call.method, call.path, call.body, call.tenant}));
  });
}

std::string SiteLog::sign_receipt(const gateway::ReceiptFacts& facts) {
  const auto salt = decide::tenant_salt(salt_secret_, facts.app.tenant);
  return decide::sign_receipt({.time = loop_.runtime().wall(),
                               .site = SiteId::of(site_),
                               .where = facts.where,
                               .tenant = decide::salted_tenant(salt, facts.app.tenant),
                               .subject = decide::salted_subject(salt, "app/" + facts.app.name.str()),
                               .policy = facts.policy,
                               .request = to_hex(facts.request),
                               .status = facts.status},
                              key_);
}

void SiteLog::start(std::function<bool()> ours) {
  log_info("log", {{"key", publisher_.verifier().str()}, {"witness", witness_.verifier().str()}});
  loop_.runtime().spawn("log publisher", [this, ours = std::move(ours)] { publisher_.loop(ours); });
  loop_.runtime().spawn("log peers", [this] { meet_peers(); });
}

/// A site takes the keys of the network's others from their gateways. Those who verify get keys on another way.
void SiteLog::meet_peers() {
  while (!loop_.runtime().stopping()) {
    const auto snapshot = snapshot_;
    if (snapshot) {
      for (const auto& [site, gateway] : snapshot->gateways) {
        if (site == site_ || (peers_.contains(site) && peers_[site].gateway == gateway)) continue;
        meet(site, gateway);
        if (loop_.runtime().stopping()) return;
      }
      choose_witnesses();
    }
    loop_.runtime().sleep_for(meeting_period);
  }
}

void SiteLog::meet(const std::string& site, const std::string& gateway) {
  const auto address = net::SocketAddress::parse(gateway);
  if (!address) return;
  const auto answer = loop_.fetcher(most_keys_bytes)(
      *address, {.method = "GET", .target = "/log/keys", .headers = {}, .body = {}, .peer_ip = {}},
      loop_.runtime().now() + meeting_timeout);
  if (!answer || answer->status != 200) return;
  const auto json = parse_json(answer->body);
  const auto keys = json ? from_json<LogKeysText>(*json) : Result<LogKeysText>(fail(Code::invalid, ""));
  const auto log =
      keys ? decide::NoteVerifier::parse(keys->log) : Result<decide::NoteVerifier>(fail(Code::invalid, ""));
  auto witness =
      keys ? decide::NoteVerifier::parse(keys->witness) : Result<decide::NoteVerifier>(fail(Code::invalid, ""));
  const std::string host = site_host(SiteId::of(site)) + "/";
  if (!log || !witness || !log->name().starts_with(host) || !witness->name().starts_with(host)) {
    return log_warning("a site tells no keys of its log", {{"site", site}, {"gateway", gateway}});
  }
  const auto added = witness_.add_log(*log);
  if (!added) log_warning("a site's log is not witnessed here", {{"site", site}, {"why", added.error().text()}});
  peers_[site] = {gateway, transparency::WitnessAddress{std::move(*witness), *address, "/witness"}};
}

/// The configured ones, and a few of the other sites: the next in the order of their names, so that all are asked.
void SiteLog::choose_witnesses() {
  auto chosen = configured_;
  std::vector<const Peer*> others;
  for (auto next = peers_.upper_bound(site_); next != peers_.end(); ++next) others.push_back(&next->second);
  for (auto next = peers_.begin(); next != peers_.upper_bound(site_); ++next) others.push_back(&next->second);
  for (const Peer* peer : others) {
    if (chosen.size() < configured_.size() + peer_witnesses_ && peer->witness) chosen.push_back(*peer->witness);
  }
  publisher_.set_witnesses(std::move(chosen));
}

}  // namespace barrio::cli
