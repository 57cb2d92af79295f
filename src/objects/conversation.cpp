#include "objects/conversation.h"

#include <utility>

namespace barrio::objects {

namespace {

KeptHead keep(const net::RequestHead& head) {
  KeptHead kept{std::string(head.method),
                std::string(head.target),
                std::string(head.path),
                std::string(head.query),
                {},
                head.content_length,
                head.has_body};
  for (const net::Header& header : head.headers) kept.headers.emplace_back(header.name, header.value);
  return kept;
}

std::vector<net::Header> views_of(const net::OwnedHeaders& headers) {
  std::vector<net::Header> views;
  for (const auto& [name, value] : headers) views.emplace_back(name, value);
  return views;
}

}  // namespace

api::s3::RequestView KeptHead::view() const {
  api::s3::RequestView seen{method, path, query, {}};
  for (const auto& [name, value] : headers) seen.headers.emplace_back(name, value);
  return seen;
}

Conversation::Conversation(ports::Runtime& runtime, net::Exchange& exchange)
    : runtime_(runtime), exchange_(&exchange), changed_(runtime.make_signal()), head_(keep(exchange.request())) {
  // Who asks first is told to go on when the body is read, and not before all was checked that the head says.
  paused_ = head_.has_body && head_.view().header("expect").has_value();
  if (paused_) exchange.pause();
}

void Conversation::resume() {
  if (paused_ && exchange_ != nullptr) exchange_->resume();
  paused_ = false;
}

Result<std::string> Conversation::read(std::string spare) {
  spare.clear();
  if (ahead_.empty() && ahead_.capacity() < spare.capacity()) ahead_.swap(spare);
  if (ahead_.empty()) resume();
  while (ahead_.empty() && !ended_ && exchange_ != nullptr && !runtime_.stopping()) changed_->wait_until(Time::max());
  if (runtime_.stopping()) return fail(Code::cancelled, "this site is stopping");
  if (exchange_ == nullptr) return fail(Code::cancelled, "the client is gone");
  std::string piece = std::exchange(ahead_, std::move(spare));
  resume();
  return piece;
}

void Conversation::tell_answer(int status) {
  if (watch_ != nullptr && !begun_) watch_->on_answer(status);
  begun_ = true;
}

void Conversation::tell_sent(size_t bytes) {
  if (watch_ != nullptr && exchange_ != nullptr && bytes != 0 && head_.method != "HEAD") watch_->on_sent(bytes);
}

void Conversation::begin(int status, const net::OwnedHeaders& headers, std::optional<uint64_t> length) {
  tell_answer(status);
  if (exchange_ != nullptr) exchange_->begin(status, views_of(headers), length);
}

Result<void> Conversation::write(std::string_view piece) {
  if (exchange_ == nullptr) return fail(Code::cancelled, "the client is gone");
  tell_sent(piece.size());
  writable_ = exchange_->write(piece);
  return wait_until_writable();
}

Result<void> Conversation::write(const ports::ReadBytes& bytes) {
  if (!bytes.place()) return write(bytes.view());
  if (exchange_ == nullptr) return fail(Code::cancelled, "the client is gone");
  tell_sent(bytes.size());
  std::string_view rest = bytes.view();
  FilePlace place = *bytes.place();
  while (!rest.empty()) {
    size_t taken = 0;
    writable_ = exchange_->write_shared(rest, place, taken);
    rest.remove_prefix(taken);
    place.offset += taken;
    TRY_DO(wait_until_writable());
  }
  return {};
}

Result<void> Conversation::wait_until_writable() {
  while (!writable_ && exchange_ != nullptr && !runtime_.stopping()) changed_->wait_until(Time::max());
  if (!writable_ && runtime_.stopping()) return fail(Code::cancelled, "this site is stopping");
  return exchange_ == nullptr ? Result<void>(fail(Code::cancelled, "the client is gone")) : Result<void>();
}

void Conversation::end() {
  if (exchange_ != nullptr) exchange_->end();
}

void Conversation::reply(int status, const net::OwnedHeaders& headers, std::string_view body) {
  tell_answer(status);
  tell_sent(body.size());
  if (exchange_ != nullptr) exchange_->reply(status, views_of(headers), body);
}

void Conversation::abort() {
  if (exchange_ != nullptr) exchange_->abort();
}

void Conversation::on_body(std::string_view piece) {
  received_ += static_cast<int64_t>(piece.size());
  ahead_ += piece;
  if (ahead_.size() > most_ahead && !paused_ && exchange_ != nullptr) {
    paused_ = true;
    exchange_->pause();
  }
  changed_->notify();
}

void Conversation::on_end() {
  ended_ = true;
  changed_->notify();
}

void Conversation::on_writable() {
  writable_ = true;
  changed_->notify();
}

void Conversation::on_closed() {
  exchange_ = nullptr;
  changed_->notify();
}

}  // namespace barrio::objects
