#include "decide/batching/first_token.h"

#include <algorithm>
#include <cmath>

namespace barrio::decide {

namespace {

constexpr double memory_seconds = 10;  // half of it is forgotten after 7 s
constexpr double longest_seconds = 3600;

}  // namespace

void ReadingRate::sent(Time now) {
  if (!since_) since_ = now;
}

void ReadingRate::read(uint64_t tokens, bool left, Time now) {
  const double took = since_ ? std::max(0.0, to_seconds(now - *since_)) : 0;
  const double kept = std::exp(-took / memory_seconds);
  tokens_ = tokens_ * kept + static_cast<double>(tokens);
  seconds_ = seconds_ * kept + took;
  since_ = left ? std::optional<Time>(now) : std::nullopt;
}

std::optional<double> ReadingRate::at(uint64_t unread, Time now) const {
  if (!(seconds_ > 0)) return std::nullopt;
  const double usual = tokens_ / seconds_;
  if (!since_) return usual;
  const double waited = std::max(0.0, to_seconds(now - *since_));
  return std::min(usual, (tokens_ + static_cast<double>(unread)) / (seconds_ + waited));
}

Duration predicted_first_token(uint64_t tokens, double rate) {
  const double takes = rate > 0 ? static_cast<double>(tokens) / rate : longest_seconds;
  return from_ms(1000 * std::min(takes, longest_seconds));
}

double FirstTokenQueue::foreign_tokens() const {
  return std::max(0.0, report_.waiting - static_cast<double>(unread_count_)) * mean_tokens_;
}

std::optional<Duration> FirstTokenQueue::predict_behind(uint64_t ahead, uint64_t tokens, Time now) const {
  auto rate = rate_.at(unread_, now);
  if (!rate) rate = limits_.rate;
  if (!rate) return report_.recent_first_token;
  return predicted_first_token(ahead + static_cast<uint64_t>(foreign_tokens()) + tokens, *rate);
}

std::optional<Duration> FirstTokenQueue::predict(uint64_t tokens, Time now) const {
  return predict_behind(unread_ + waiting_tokens_, tokens, now);
}

std::optional<FirstTokenQueue::Refused> FirstTokenQueue::offer(uint64_t id, uint64_t tokens, std::optional<Time> until,
                                                               Time now) {
  const auto predicted = predict(tokens, now);
  if (waiting_.size() >= limits_.waiting) return Refused{std::nullopt, predicted.value_or(Duration::zero())};
  if (predicted && until) {
    const Duration safe(std::llround(static_cast<double>(predicted->count()) * limits_.margin));
    // What is ahead shrinks as time goes: this much later, the same prompt would make it.
    if (now + safe > *until) return Refused{predicted, now + safe - *until};
  }
  waiting_.push_back({id, tokens, until});
  waiting_tokens_ += tokens;
  mean_tokens_ =
      mean_tokens_ > 0 ? 0.95 * mean_tokens_ + 0.05 * static_cast<double>(tokens) : static_cast<double>(tokens);
  return std::nullopt;
}

bool FirstTokenQueue::has_room(const Waiting& next) const {
  if (sent_.empty()) return true;
  if (sent_.size() >= limits_.running || report_.kv_usage.value_or(0) >= limits_.kv_full) return false;
  return unread_count_ == 0 || unread_ + next.tokens <= limits_.unread_tokens;
}

FirstTokenQueue::Step FirstTokenQueue::step(Time now) {
  Step step;
  while (!waiting_.empty()) {
    const Waiting next = waiting_.front();
    const auto predicted = predict_behind(unread_, next.tokens, now);
    const bool too_late = next.until && now + predicted.value_or(Duration::zero()) > *next.until;
    if (!too_late && !has_room(next)) break;
    waiting_.pop_front();
    waiting_tokens_ -= next.tokens;
    if (too_late) {
      step.drop.push_back(next.id);
      continue;
    }
    sent_[next.id] = {next.tokens, true};
    unread_ += next.tokens;
    ++unread_count_;
    rate_.sent(now);
    step.send.push_back(next.id);
  }
  return step;
}

void FirstTokenQueue::first_token(uint64_t id, Seen seen, Time now) {
  const auto found = sent_.find(id);
  if (found == sent_.end() || !found->second.unread) return;
  found->second.unread = false;
  unread_ -= found->second.tokens;
  --unread_count_;
  // Unseen, only the end of the time counts, if it was the last.
  if (seen == Seen::yes)
    rate_.read(found->second.tokens, unread_count_ > 0, now);
  else if (unread_count_ == 0)
    rate_.forget();
}

void FirstTokenQueue::finished(uint64_t id, Time now) {
  const auto found = sent_.find(id);
  if (found != sent_.end()) {
    first_token(id, Seen::no, now);
    sent_.erase(found);
    return;
  }
  const auto waits = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return one.id == id; });
  if (waits == waiting_.end()) return;
  waiting_tokens_ -= waits->tokens;
  waiting_.erase(waits);
}

void FirstTokenQueue::reported(const ServerReport& report) {
  const auto known = report_.recent_first_token;
  report_ = report;
  if (!report_.recent_first_token) report_.recent_first_token = known;
}

}  // namespace barrio::decide
