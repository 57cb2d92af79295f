#include "cli/site_join.h"

#include <filesystem>

#include "base/log.h"
#include "base/text.h"
#include "cli/certificates.h"
#include "cli/files.h"
#include "cli/service_loop.h"
#include "net/tls.h"
#include "net/url.h"

namespace barrio::cli {

namespace {

constexpr Duration asks_every = 2s;

Result<std::vector<net::Endpoint>> members_of(const SiteFile& file) {
  TRY(const auto trusting, net::TlsClient::load({.ca = file.peer_tls->ca}));
  std::vector<net::Endpoint> members;
  for (const std::string_view url : split(file.control, ',')) {
    auto member = net::parse_server(trim(url), trusting);
    if (!member) return fail(Code::invalid, member.error().what, "control");
    if (!member->tls) return fail(Code::invalid, "must begin with https:// where sites have certificates", "control");
    members.push_back(std::move(*member));
  }
  return members;
}

/// Control is away, or has too many that wait just now.
bool may_pass(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::timed_out || error.code == Code::exhausted;
}

/// Says each thing once.
class Telling {
 public:
  void tell(const std::string& why) {
    if (std::exchange(told_, why) != why) log_warning("not let in yet", {{"why", why}});
  }

 private:
  std::string told_;
};

Result<void> ask_until_approved(ServiceLoop& loop, const SiteJoin& join, adapters::HttpControlLink& link) {
  Telling telling;
  while (!loop.runtime().stopping()) {
    const auto approved = join.ask(link);
    if (approved && *approved) return {};
    if (!approved && !may_pass(approved.error())) return fail(approved.error());
    telling.tell(approved ? join.how_to_approve() : approved.error().text());
    loop.runtime().sleep_for(asks_every);
  }
  return fail(Code::cancelled, "ended before the site was let in");
}

}  // namespace

Result<SiteJoin> SiteJoin::prepare(const SiteFile& file) {
  TRY(auto site, SiteId::parse(file.site));
  if (!file.peer_tls) return fail(Code::invalid, "is missing: ca, chain and key of the site's certificate", "peer_tls");
  TRY(const auto key, key_in(file.peer_tls->key));
  return SiteJoin(std::move(site), *file.peer_tls, key);
}

SiteJoin::SiteJoin(SiteId site, PeerTlsFile files, const PrivateKey& key)
    : site_(std::move(site)),
      files_(std::move(files)),
      fingerprint_(key.fingerprint()),
      request_(key.signing_request(site_.str())) {}

std::string SiteJoin::how_to_approve() const {
  return "an operator has to approve it: barrio site approve " + site_.str() + " --fingerprint " + fingerprint_;
}

Duration SiteJoin::left(WallTime now) const {
  const auto text = read_file(files_.chain);
  const auto chain = text ? Certificate::read_all(*text) : Result<std::vector<Certificate>>(fail(text.error()));
  if (!chain) return Duration::zero();
  const CertificateInfo info = chain->front().info();
  if (info.fingerprint != fingerprint_ || !info.valid_at(now)) return Duration::zero();
  return info.not_after - now;
}

Result<bool> SiteJoin::ask(adapters::HttpControlLink& link) const {
  TRY(const auto answer, link.join({request_}));
  if (!answer.approved) return false;
  if (answer.certificate.empty()) {
    log_warning("the key is approved, and control signs no certificates",
                {{"how", "have one signed for " + files_.key + " and put it into " + files_.chain +
                             ", or give control site_ca_key"}});
    return true;
  }
  TRY(const auto chain, Certificate::read_all(answer.certificate));
  if (chain.front().info().fingerprint != fingerprint_) {
    return fail(Code::invalid, "control sent a certificate of another key", "certificate");
  }
  TRY_DO(make_folder(folder_of(files_.chain)));
  TRY_DO(write_file(files_.chain, answer.certificate));
  log_info("certificate written", {{"file", files_.chain}, {"until", to_string(chain.front().info().not_after)}});
  return true;
}

Result<adapters::HttpControlConfig> joining_link(const SiteFile& file) {
  TRY(auto members, members_of(file));
  return adapters::HttpControlConfig{.members = std::move(members),
                                     .site = SiteId::of(file.site),
                                     .client_id = file.client_id,
                                     .client_secret = file.client_secret};
}

Result<void> join_and_wait(const SiteFile& file, const SiteJoin& join) {
  TRY(auto config, joining_link(file));
  ServiceLoop loop;
  adapters::HttpControlLink link(loop.runtime(), loop.fetcher(), std::move(config));
  Result<void> joined;
  loop.runtime().spawn("join", [&] {
    joined = ask_until_approved(loop, join, link);
    loop.begin_stop();
  });
  TRY_DO(loop.run());
  return joined;
}

}  // namespace barrio::cli
