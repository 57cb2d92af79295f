#include "objects/s3_service.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/oauth/token.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "decide/residency/buckets.h"
#include "model/site_identity.h"
#include "objects/access.h"

namespace barrio::objects {

using api::s3::Fault;
using api::s3::refuse;

namespace {

constexpr auto longest_pull = 5s;
constexpr size_t peer_share = 4;
constexpr size_t most_peer_bytes = 17 * 1024 * 1024;  // a record, or a piece of content

CopiesConfig copies_config(const S3Config& config) {
  CopiesConfig copies = config.copies;
  copies.site = config.site;
  return copies;
}

bool is_of_peer(std::string_view path) {
  return path.starts_with(copies_path);
}

/// "Bucket.s3.bilbao.example:9000" without its port, small.
std::string host_name(std::string_view host) {
  const size_t colon = host.rfind(':');
  return to_lower(colon == std::string_view::npos ? host : host.substr(0, colon));
}

}  // namespace

S3Service::S3Service(S3Parts parts, S3Config config, std::optional<StorageOrders> saved, Save save)
    : parts_(parts),
      config_(std::move(config)),
      save_(std::move(save)),
      address_(config_.advertised),
      pulled_(parts.runtime.make_signal()),
      pull_now_(parts.runtime.make_signal()),
      saving_(parts.runtime),
      byte_hours_(parts.store, parts.copies, directory_, config_.byte_hours_period),
      home_usage_(parts.store, directory_, config_.site),
      locking_(parts.runtime),
      peers_(parts.calls, parts.runtime, directory_, config_.site, config_.peers),
      copies_({parts.runtime, parts.store, parts.copies, parts.control, parts.events, directory_, peers_,
               [this] { pull_now_->notify(); }},
              copies_config(config_)) {
  if (saved) directory_.set_orders(std::move(*saved));
}

S3Service::~S3Service() = default;

void S3Service::bound_to(const net::SocketAddress& address) {
  if (config_.advertised.empty()) address_ = address.str();
}

void S3Service::run() {
  pulls_orders_ = true;
  parts_.runtime.spawn("storage orders", [this] { pull_orders(); });
  copies_.run();
  parts_.runtime.spawn("storage tidying", [this] { keep_tidy(); });
  parts_.runtime.spawn("storage scrubbing", [this] { scrub(); });
  parts_.runtime.spawn("storage lifecycle", [this] { keep_lifecycles(); });
  if (parts_.usage != nullptr) parts_.runtime.spawn("storage byte-hours", [this] { count_bytes(); });
}

void S3Service::on_head(net::Exchange& exchange) {
  // Other sites' changes are not kept out by clients that wait for other sites.
  const size_t most = is_of_peer(exchange.request().path) ? peer_share * config_.most_requests : config_.most_requests;
  if (open_ >= most || parts_.runtime.stopping()) {
    const net::Header headers[] = {{"Content-Type", "application/xml"}, {"Retry-After", "1"}};
    const Fault busy{"SlowDown", "this site serves as many requests as it can"};
    return exchange.reply(503, headers, api::s3::error_xml(busy, exchange.request().path, ""));
  }
  auto* conversation = new std::shared_ptr<Conversation>(std::make_shared<Conversation>(parts_.runtime, exchange));
  exchange.context = conversation;
  ++open_;
  parts_.runtime.spawn("S3 request", [this, held = *conversation] {
    wait_for_orders();
    is_of_peer(held->head().path) ? serve_peer(*held) : serve(*held);
    --open_;
  });
}

namespace {

std::shared_ptr<Conversation>* conversation_of(const net::Exchange& exchange) {
  return static_cast<std::shared_ptr<Conversation>*>(exchange.context);
}

}  // namespace

void S3Service::on_body(net::Exchange& exchange, std::string_view piece) {
  if (auto* conversation = conversation_of(exchange)) (*conversation)->on_body(piece);
}

void S3Service::on_end(net::Exchange& exchange) {
  if (auto* conversation = conversation_of(exchange)) (*conversation)->on_end();
}

void S3Service::on_writable(net::Exchange& exchange) {
  if (auto* conversation = conversation_of(exchange)) (*conversation)->on_writable();
}

void S3Service::on_closed(net::Exchange& exchange, bool) {
  auto* conversation = conversation_of(exchange);
  if (conversation == nullptr) return;
  exchange.context = nullptr;
  (*conversation)->on_closed();
  delete conversation;
}

void S3Service::serve(Conversation& conversation) {
  RequestTally tally(parts_.usage, conversation);
  S3Call call{.conversation = conversation,
              .view = conversation.head().view(),
              .request_id = fmt::format("{:016X}", mix(parts_.runtime.rng().next(), ++requests_)),
              .bucket_name = {},
              .key = {},
              .tally = &tally};
  const auto done = answer(call);
  if (!done) call.reply(done.error());
}

/// Another site that keeps copies, too.
void S3Service::serve_peer(Conversation& conversation) {
  const auto peer = peer_of(conversation);
  if (!peer) return conversation.reply(403, {}, "this is for other sites of the network");
  std::string body;
  while (conversation.head().has_body) {
    const auto piece = conversation.read();
    if (!piece) return;
    if (piece->empty()) break;
    body += *piece;
    if (body.size() > most_peer_bytes) return conversation.reply(413, {}, "too long");
  }
  const api::s3::RequestView view = conversation.head().view();
  const auto answer =
      copies_.answer({*peer, conversation.head().method, conversation.head().path.substr(copies_path.size()),
                      [&](const char* name) { return view.parameter(name).value_or(""); }, std::move(body)});
  conversation.reply(answer.status, {}, answer.body);
}

S3Service::Outcome<void> S3Service::answer(S3Call& call) {
  S3_TRY_DO(set_address(call));
  if (!directory_.has_snapshot()) {
    return refuse("ServiceUnavailable", "this site does not know its network yet; please try again");
  }
  const bool asks_before = call.view.method == "OPTIONS";
  if (!asks_before) S3_TRY_DO(authenticate(call));
  if (call.bucket_name.empty()) return of_service(call);
  if (call.key.empty() && call.view.method == "PUT" && call.subresource().empty()) return create_bucket(call);
  S3_TRY(const Bucket bucket, known_bucket(call));
  call.tally->is_of(bucket, call.kind(), call.entry);
  if (call.key.empty() && (call.view.method == "HEAD" || call.has("location"))) return about_bucket(call, bucket);
  S3_TRY_DO(check_residency(call, bucket));
  S3_TRY(const bool is_here, is_served_here(call, bucket));
  if (!is_here) {
    // Others are told at the home, once the bucket's policy lets them write.
    if (call.tenant == bucket.tenant) S3_TRY_DO(check_spend_cap(call, bucket));
    return forward(call, bucket);
  }
  if (asks_before) return preflight(call, bucket);
  set_cors(call, bucket);
  // Each key of DeleteObjects is checked alone.
  if (!call.key.empty() || call.subresource() != "delete") {
    S3_TRY_DO(check_access(call, bucket, action_of(call), call.key));
  }
  S3_TRY_DO(check_spend_cap(call, bucket));
  auto done = call.key.empty() ? of_bucket(call, bucket) : of_object(call, bucket);
  if (!done && !call.reads()) S3_TRY_DO(is_home_still(bucket));
  return done;
}

/// Before a change is refused for what is here, or answered though there was nothing to change: a home that another one
/// has followed may not know what came since. What it writes is refused by the others; this is asked of nobody else.
S3Service::Outcome<void> S3Service::is_home_still(const Bucket& bucket) {
  const auto current = copies_.is_copied(bucket) ? copies_.may_read(bucket) : Result<void>();
  if (current) return {};
  return refuse("ServiceUnavailable", "bucket " + bucket.name.str() + ": " + current.error().text());
}

S3Service::Outcome<void> S3Service::of_service(S3Call& call) {
  if (call.tenant.empty()) return refuse("AccessDenied", "the request is not signed");
  if (call.view.method == "GET") return list_buckets(call);
  return refuse("MethodNotAllowed", "the service itself answers GET alone");
}

/// Bucket and key, of the path or of the host.
S3Service::Outcome<void> S3Service::set_address(S3Call& call) {
  if (const auto entry = peer_of(call.conversation)) {
    call.entry = entry;
    // What the client signed is the host that it asked.
    const std::string host = call.header("barrio-host");
    for (auto& [name, value] : call.conversation.head().headers) {
      if (to_lower(name) == "host" && !host.empty()) value = host;
    }
    call.view = call.conversation.head().view();
  }
  const auto path = api::s3::uri_decode(call.view.path);
  if (!path || !path->starts_with('/') || !is_utf8(*path) || path->find('\0') != std::string::npos) {
    return refuse("InvalidURI", "the path must be a well-formed one, in UTF-8");
  }
  std::string_view rest = std::string_view(*path).substr(1);
  const std::string host = host_name(call.header("host"));
  for (const std::string& known : config_.hosts) {
    if (host.ends_with("." + known)) call.bucket_name = host.substr(0, host.size() - known.size() - 1);
  }
  if (call.bucket_name.empty()) {
    const size_t slash = rest.find('/');
    call.bucket_name = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  }
  call.key = rest;
  if (call.key.size() > most_key_bytes) return refuse("KeyTooLongError", "a key has at most 1024 bytes");
  return {};
}

std::optional<SiteId> S3Service::peer_of(const Conversation& conversation) const {
  if (config_.peers.server) {
    const net::TlsInfo* tls = conversation.tls();
    if (tls == nullptr || tls->server != config_.peers.server.get() || directory_.is_revoked(tls->peer_key))
      return std::nullopt;
    auto site = site_of_uri(tls->peer);
    return site && *site != config_.site && directory_.site(*site) != nullptr ? site : std::nullopt;
  }
  const auto view = conversation.head().view();
  const auto secret = view.header("barrio-peer");
  const auto from = SiteId::parse(view.header("barrio-forwarded-by").value_or(""));
  if (config_.peers.secret.empty() || !secret || !constant_time_equal(*secret, config_.peers.secret))
    return std::nullopt;
  return from && directory_.site(*from) != nullptr ? std::optional(*from) : std::nullopt;
}

S3Service::Outcome<void> S3Service::authenticate(S3Call& call) {
  S3_TRY(call.claim, api::s3::read_claim(call.view));
  const WallTime now = parts_.runtime.wall();
  if (call.claim) {
    const S3Key* key = directory_.key(call.claim->key_id);
    if (key == nullptr) return refuse("InvalidAccessKeyId", "The access key that was provided is not known here.");
    S3_TRY(call.signing, api::s3::verify_claim(*call.claim, call.view, key->secret, now));
    call.tenant = key->tenant;
    return {};
  }
  const auto authorization = call.view.header("authorization");
  if (!authorization) return {};  // a bucket's policy may let anybody in
  const auto tenant =
      directory_.tenant_of_token(*authorization, call.reads() ? api::scope::apps_read : api::scope::apps_write,
                                 issuer_clock_.earlier(now, parts_.runtime.now()));
  if (!tenant) return refuse("AccessDenied", tenant.error().text());
  call.tenant = *tenant;
  return {};
}

/// A site that was away may have been told to erase a tenant meanwhile: nothing is answered before control was asked
/// once, or does not answer.
void S3Service::wait_for_orders() {
  const Time latest = parts_.runtime.now() + longest_pull;
  while (pulls_orders_ && pulls_ == 0 && !parts_.runtime.stopping() && parts_.runtime.now() < latest) {
    pulled_->wait_until(latest);
  }
}

S3Service::Outcome<Bucket> S3Service::known_bucket(S3Call& call) {
  const Bucket* bucket = directory_.find(call.bucket_name);
  if (bucket == nullptr && !call.tenant.empty()) {
    // Made at another site a moment ago, perhaps.
    const uint64_t seen = pulls_;
    const Time latest = parts_.runtime.now() + longest_pull;
    pull_now_->notify();
    while (pulls_ == seen && !parts_.runtime.stopping() && parts_.runtime.now() < latest) pulled_->wait_until(latest);
    bucket = directory_.find(call.bucket_name);
  }
  if (bucket == nullptr) return refuse("NoSuchBucket", "The specified bucket does not exist.");
  return *bucket;
}

/// Neither this site nor the one that passes the request on sees a byte that may not be there.
S3Service::Outcome<void> S3Service::check_residency(const S3Call& call, const Bucket& bucket) const {
  for (const auto& site : {std::optional(config_.site), call.entry}) {
    if (!site) continue;
    const decide::Verdict verdict = decide::may_be_at(bucket, directory_.site(*site));
    if (!verdict.permitted) return refuse("AccessDenied", verdict.reason);
  }
  return {};
}

S3Service::Outcome<bool> S3Service::is_served_here(const S3Call& call, const Bucket& bucket) {
  if (bucket.home == config_.site) {
    S3_TRY_DO(open_home(call, bucket));
    return true;
  }
  return call.reads() && bucket.follower(config_.site) != nullptr && copies_.may_read(bucket).has_value() &&
         !lacks_lock(bucket);
}

S3Service::Outcome<void> S3Service::open_home(const S3Call& call, const Bucket& bucket) {
  Result<void> opened;
  if (copies_.is_copied(bucket)) {
    opened = call.reads() ? copies_.may_read(bucket) : copies_.may_write(bucket);
  } else if (!parts_.store.has_bucket(bucket.id)) {
    opened = parts_.store.add_bucket(bucket.id, bucket.tenant);
  }
  if (opened) return begin_lock(bucket);
  if (opened.error().code == Code::unavailable) {
    return refuse("ServiceUnavailable", "bucket " + bucket.name.str() + ": " + opened.error().text());
  }
  return tl::unexpected(fault_of(opened.error(), "NoSuchBucket"));
}

S3Service::Outcome<void> S3Service::check_quota(const Bucket& bucket, uint64_t more) {
  const int64_t quota = directory_.quota(bucket.tenant).storage.count();
  const int64_t used = home_usage_.bytes_of(bucket.tenant);
  if (more <= static_cast<uint64_t>(std::max<int64_t>(0, quota - used))) return {};
  return refuse(
      "QuotaExceeded",
      fmt::format("tenant {} may keep {} at this site and keeps {}; this request has {} more", bucket.tenant.str(),
                  to_string(Bytes(quota)), to_string(Bytes(used)), to_string(Bytes(static_cast<int64_t>(more)))));
}

S3Service::Outcome<void> S3Service::check_spend_cap(const S3Call& call, const Bucket& bucket) const {
  if (!call.adds_content()) return {};
  const SpendStop* stop = directory_.spend_stop(bucket.tenant, parts_.runtime.wall());
  if (stop == nullptr) return {};
  // A policy may let others write, too.
  const std::string detail =
      call.tenant == bucket.tenant ? stop->detail(bucket.tenant) : stop->detail_for_anybody(bucket.tenant);
  return refuse("SpendCapReached", detail + "; reading, listing and deleting go on");
}

S3Service::Outcome<void> S3Service::note(ObjectAct act, const Bucket& bucket, const ports::ObjectMeta& meta) {
  const auto noted = parts_.events.note({act, bucket, meta.key, meta.sha256, meta.size, config_.site});
  if (noted) return {};
  return refuse("ServiceUnavailable", "the change is kept, but could not be noted: " + noted.error().text());
}

}  // namespace barrio::objects
