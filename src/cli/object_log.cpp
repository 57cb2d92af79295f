#include "cli/object_log.h"

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

/// Seen by both loops, one after the other.
struct Appending {
  LogEvent event;
  std::unique_ptr<ports::Signal> appended;  // of storage's loop, and touched there alone
  std::optional<Result<void>> done;
};

}  // namespace

Result<void> ObjectLog::note(const objects::ObjectEvent& event) {
  const Site* site = snapshot_ ? snapshot_->network.find(event.site) : nullptr;
  if (site == nullptr) return fail(Code::unavailable, "nobody has told yet under which law this site stands");
  auto appending = std::make_shared<Appending>();
  appending->event = {.operation = operation_of(event.act),
                      .tenant = event.bucket.tenant,
                      .subject = "object/" + event.bucket.name.str() + "/" + event.key,
                      .content = event.sha256,
                      .where = site->jurisdiction,
                      .policy = event.bucket.policy_version};
  appending->appended = runtime_.make_signal();
  const LogSide log = log_;
  log.reactor.post([log, appending, &back = reactor_] {
    log.runtime.spawn("object leaf", [log, appending, &back] {
      const auto index = log.log.append({&appending->event, 1});
      back.post([appending, done = index ? Result<void>() : Result<void>(fail(index.error()))]() mutable {
        appending->done = std::move(done);
        if (appending->appended) appending->appended->notify();
      });
    });
  });
  while (!appending->done) appending->appended->wait_until(Time::max());
  return std::move(*appending->done);
}

}  // namespace barrio::cli
