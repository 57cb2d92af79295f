#include "control/once.h"

#include <algorithm>

#include "base/crypto.h"
#include "control/aside.h"
#include "control/desired.h"
#include "control/http_answer.h"

namespace barrio::control {

namespace {

const std::string once_prefix = std::string(aside) + "once/";
constexpr size_t most_key_bytes = 255;
constexpr size_t most_kept_bytes = 64 * 1024;
constexpr size_t most_once_forgotten = 100;  // at a time

bool is_old(const OnceRecord& record, WallTime now) {
  return now - record.at >= once_kept_for;
}

}  // namespace

Result<std::optional<Once>> Once::find(ports::StateStore& store, const net::Request& request,
                                       const std::string& subject, WallTime now) {
  const auto key = net::find_header(request.headers, "Idempotency-Key");
  if (!key || request.method == "GET" || request.method == "HEAD") return std::optional<Once>();
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (key->empty() || key->size() > most_key_bytes || !std::ranges::all_of(*key, printable)) {
    return fail(Code::invalid, "must have 1 to " + std::to_string(most_key_bytes) + " printable characters",
                "Idempotency-Key");
  }
  Once once{.key = once_prefix + sha256_hex(subject + "\n" + std::string(*key)),
            .asked = sha256_hex(request.method + "\n" + request.target + "\n" + request.body)};
  TRY(const auto stored, store.get(once.key));
  if (!stored) return once;
  once.revision = stored->revision;
  TRY(auto record, read_json<OnceRecord>(*stored));
  if (!is_old(record, now)) once.known = std::move(record);
  return once;
}

ports::Write Once::write(WallTime at, const net::Response* answer) const {
  OnceRecord record{.asked = asked, .at = at, .status = 0, .body = {}};
  if (answer != nullptr && answer->body.size() <= most_kept_bytes) {
    record.status = answer->status;
    record.body = answer->body;
  }
  return write_json(key, record);
}

net::Response Once::again() const {
  if (known->asked != asked) {
    auto problem = api::problem(422, "this key came with another request before");
    problem.where = "Idempotency-Key";
    return answer(problem);
  }
  if (known->status == 0) {
    return answer(api::problem(409, "this was carried out at " + to_string(known->at) +
                                        "; its answer was told once and is not kept: look at what is there"));
  }
  net::Response response;
  response.status = static_cast<int>(known->status);
  response.headers = {{"Cache-Control", "no-store"}, {"Idempotency-Replayed", "true"}};
  if (!known->body.empty()) response.headers.emplace_back("Content-Type", "application/json");
  response.body = known->body;
  return response;
}

Result<size_t> forget_once(ports::StateStore& store, WallTime now) {
  TRY(const auto all, store.list(once_prefix));
  std::vector<ports::Write> writes;
  for (const ports::Entry& entry : all.entries) {
    const auto record = read_json<OnceRecord>(entry);
    if (record && !is_old(*record, now)) continue;
    if (writes.size() < most_once_forgotten) writes.push_back({entry.key, std::nullopt});
  }
  const size_t forgotten = writes.size();
  if (forgotten > 0) TRY_DO(store.commit({}, std::move(writes)));
  return forgotten;
}

}  // namespace barrio::control
