// Passing a request on to its bucket's home: both ways in pieces, with back-pressure. The client's signature goes with
// it and is checked there again, body included; this site only adds which host was asked, and that it is a site.

#include <algorithm>

#include "base/text.h"
#include "decide/residency/buckets.h"
#include "net/fields.h"
#include "objects/s3_service.h"

namespace barrio::objects {

using api::s3::refuse;

namespace {

constexpr Duration longest_forward = 1h;
constexpr Duration head_patience = 5s;       // where another site can be asked instead
constexpr Duration continue_patience = 10s;  // a body is sent then all the same (RFC 9110, 10.1.1)

/// The call to the home as a fiber sees it.
class HomeCall final : public net::CallHandler {
 public:
  explicit HomeCall(ports::Runtime& runtime) : runtime_(runtime), changed_(runtime.make_signal()) {}
  ~HomeCall() {
    if (call_ != nullptr) call_->cancel();
  }
  HomeCall(const HomeCall&) = delete;
  HomeCall& operator=(const HomeCall&) = delete;

  void start(PeerCalls& calls, const net::Endpoint& home, const net::CallStart& start) {
    call_ = &calls.start(home, start, *this);
  }
  /// False: the home answers already, or is gone.
  bool write(std::string_view piece) {
    if (call_ == nullptr || status_ != 0) return false;
    writable_ = call_->write(piece);
    while (!writable_ && call_ != nullptr && status_ == 0 && !runtime_.stopping()) wait();
    return call_ != nullptr && status_ == 0 && !runtime_.stopping();
  }
  void end() {
    if (call_ != nullptr && !ended_) call_->end();
    ended_ = true;
  }
  /// Until the home wants the body, or takes long. False: it answers already, or is gone.
  bool wait_for_continue() {
    const Time latest = runtime_.now() + continue_patience;
    while (!continued_ && status_ == 0 && call_ != nullptr && !runtime_.stopping() && runtime_.now() < latest) {
      changed_->wait_until(latest);
    }
    return status_ == 0 && call_ != nullptr && !runtime_.stopping();
  }
  /// Its status; 0: there is none, for error(), or it takes longer.
  int wait_for_head(Time latest) {
    while (status_ == 0 && call_ != nullptr && !runtime_.stopping() && runtime_.now() < latest) {
      changed_->wait_until(latest);
    }
    return status_;
  }
  /// What has come; empty: it is over, well or with error().
  std::string read() {
    while (ahead_.empty() && call_ != nullptr && !runtime_.stopping()) wait();
    if (paused_ && call_ != nullptr) call_->resume();
    paused_ = false;
    return std::exchange(ahead_, {});
  }
  bool is_over() const { return call_ == nullptr; }
  const net::OwnedHeaders& headers() const { return headers_; }
  std::optional<uint64_t> length() const { return length_; }
  const std::optional<Error>& error() const { return error_; }

  void on_head(const net::ResponseHead& head) override {
    status_ = head.status;
    length_ = head.content_length;
    for (const net::Header& header : head.headers) {
      if (net::may_send(header) && header.field != net::Field::date) headers_.emplace_back(header.name, header.value);
    }
    changed_->notify();
  }
  void on_body(std::string_view piece) override {
    ahead_ += piece;
    if (ahead_.size() > Conversation::most_ahead && !paused_) {
      paused_ = true;
      call_->pause();
    }
    changed_->notify();
  }
  void on_done() override {
    call_ = nullptr;
    changed_->notify();
  }
  void on_error(net::CallError error) override {
    call_ = nullptr;
    error_ = std::move(error.error);
    changed_->notify();
  }
  void on_writable() override {
    writable_ = true;
    changed_->notify();
  }
  void on_continue() override {
    continued_ = true;
    changed_->notify();
  }

 private:
  void wait() { changed_->wait_until(Time::max()); }

  ports::Runtime& runtime_;
  std::unique_ptr<ports::Signal> changed_;
  net::Call* call_ = nullptr;
  int status_ = 0;
  std::optional<uint64_t> length_;
  net::OwnedHeaders headers_;
  std::string ahead_;
  bool paused_ = false;
  bool writable_ = true;
  bool continued_ = false;
  bool ended_ = false;
  std::optional<Error> error_;
};

bool passes(const net::Header& header) {
  return net::may_send(header) && header.field != net::Field::host && header.field != net::Field::content_length &&
         !to_lower(header.name).starts_with("barrio-");
}

}  // namespace

/// To the home; what is read also to another site that has everything, where the home does not answer.
S3Service::Outcome<void> S3Service::forward(S3Call& call, const Bucket& bucket) {
  // Only once: who is asked by a site and has it not either has orders that differ.
  if (call.entry) return refuse("ServiceUnavailable", "the bucket's home is changing; try again");
  const bool puts_content = call.view.method == "PUT" && !call.key.empty() &&
                            (call.subresource().empty() || call.subresource() == "uploadId");
  if (puts_content) S3_TRY_DO(check_head(call));
  std::vector<SiteId> sites = {bucket.home};
  const bool reads = call.view.method == "GET" || call.view.method == "HEAD";
  for (const Follower& follower : bucket.followers) {
    const bool may_serve = reads && follower.state == CopyState::in_sync && follower.site != config_.site;
    if (may_serve && decide::may_be_at(bucket, directory_.site(follower.site)).permitted)
      sites.push_back(follower.site);
  }
  for (const SiteId& site : sites) {
    const bool is_last = site == sites.back();
    auto passed = forward_to(call, site, is_last ? std::nullopt : std::optional(head_patience));
    if (passed && *passed) return {};
    if (!passed && (is_last || call.conversation.has_begun())) return tl::unexpected(passed.error());
  }
  return refuse("ServiceUnavailable", "no site that has the bucket answers");
}

/// False: it has nothing to say, and another may be asked. `patience`: for its answer to begin.
S3Service::Outcome<bool> S3Service::forward_to(S3Call& call, const SiteId& site, std::optional<Duration> patience) {
  const auto endpoint = peers_.endpoint(site);
  if (!endpoint) return refuse("ServiceUnavailable", endpoint.error().what);
  const KeptHead& head = call.conversation.head();
  std::vector<net::Header> headers;
  for (const auto& [name, value] : head.headers) {
    const net::Header header(name, value);
    if (passes(header)) headers.push_back(header);
  }
  const std::string host = call.header("host");
  headers.emplace_back("Barrio-Host", host);
  for (const net::Header& header : peers_.introduction(*endpoint)) headers.push_back(header);
  HomeCall home_call(parts_.runtime);
  home_call.start(peers_.calls(), *endpoint,
                  {.method = head.method,
                   .target = head.target,
                   .headers = headers,
                   .length = head.has_body ? head.length : std::optional<uint64_t>(0),
                   .deadline = parts_.runtime.now() + longest_forward});
  // A client that asks first is told to go on once the home has said so, which alone knows quota and conditions.
  const bool asks_first = head.has_body && !call.header("expect").empty();
  const bool sends_body = head.has_body && (!asks_first || home_call.wait_for_continue());
  while (sends_body) {
    const auto piece = call.conversation.read();
    if (!piece) return refuse("IncompleteBody", piece.error().what);
    if (piece->empty()) home_call.end();
    if (piece->empty() || !home_call.write(*piece)) break;
  }
  const int status = home_call.wait_for_head(patience ? parts_.runtime.now() + *patience : Time::max());
  if (status == 0) {
    return refuse("ServiceUnavailable", "the site " + site.str() + ", which has the bucket, does not answer" +
                                            (home_call.error() ? ": " + home_call.error()->text() : ""));
  }
  if (status == 503 && patience) return false;
  call.tally->passes_on();
  call.conversation.begin(status, home_call.headers(), home_call.length());
  for (std::string piece = home_call.read(); !piece.empty(); piece = home_call.read()) {
    if (!call.conversation.write(piece)) {
      call.conversation.abort();
      return true;
    }
  }
  if (home_call.error()) return refuse("ServiceUnavailable", home_call.error()->text());
  if (!home_call.is_over()) return refuse("ServiceUnavailable", "this site is stopping");
  call.conversation.end();
  return true;
}

}  // namespace barrio::objects
