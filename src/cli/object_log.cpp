#include "cli/object_log.h"

#include <optional>
#include <utility>
#include <vector>

namespace barrio::cli {

namespace {

LogOperation operation_of(objects::ObjectAct act) {
  switch (act) {
    case objects::ObjectAct::stored: return LogOperation::stored;
    case objects::ObjectAct::copied: return LogOperation::copied;
    case objects::ObjectAct::deleted: break;
  }
  return LogOperation::deleted;
}

constexpr size_t most_in_batch = 64;

}  // namespace

/// Seen by both loops, one after the other.
struct ObjectLog::Batch {
  std::vector<LogEvent> events;
  std::unique_ptr<ports::Signal> appended;  // of storage's loop, and touched there alone
  std::optional<Result<void>> done;
};

Result<void> ObjectLog::note(const objects::ObjectEvent& event) {
  const Site* site = snapshot_ ? snapshot_->network.find(event.site) : nullptr;
  if (site == nullptr) return fail(Code::unavailable, "nobody has told yet under which law this site stands");
  LogEvent said = {.operation = operation_of(event.act),
                   .tenant = event.bucket.tenant,
                   .subject = "object/" + event.bucket.name.str() + "/" + event.key,
                   .content = event.sha256,
                   .where = site->jurisdiction,
                   .policy = event.bucket.policy_version};
  TRY_DO(said.check());  // what cannot be written must not keep the others from being so
  if (!next_) next_ = std::make_shared<Batch>(Batch{{}, runtime_.make_signal(), {}});
  const auto batch = next_;
  batch->events.push_back(std::move(said));
  if (!sent_ || batch->events.size() == most_in_batch) send();
  while (!batch->done) batch->appended->wait_until(Time::max());
  if (sent_ == batch) {
    sent_.reset();
    if (next_) send();
  }
  return *batch->done;
}

void ObjectLog::send() {
  sent_ = std::move(next_);
  next_.reset();
  log_.reactor.post([log = log_, batch = sent_, &back = reactor_] {
    log.runtime.spawn("object leaves", [log, batch, &back] {
      const auto index = log.log.append(batch->events);
      back.post([batch, done = index ? Result<void>() : Result<void>(fail(index.error()))]() mutable {
        batch->done = std::move(done);
        batch->appended->notify();
      });
    });
  });
}

}  // namespace barrio::cli
