#include "decide/proof/witness.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "decide/proof/merkle.h"

namespace barrio::decide {

namespace {

constexpr size_t most_consistency_hashes = 63;

tl::unexpected<Error> bad_request(const char* why) {
  return fail(Code::invalid, why, "add-checkpoint");
}

}  // namespace

std::string AddCheckpoint::str() const {
  std::string body = "old " + std::to_string(old_size) + "\n";
  for (const Digest& hash : proof) body += base64(text_of(hash)) + "\n";
  return body + "\n" + checkpoint.str();
}

Result<AddCheckpoint> parse_add_checkpoint(std::string_view body) {
  AddCheckpoint request;
  const size_t gap = body.find("\n\n");
  if (!body.starts_with("old ") || gap == std::string_view::npos) return bad_request("must begin with 'old SIZE'");
  const auto lines = split(body.substr(0, gap), '\n');
  const auto old_size = parse_uint(lines[0].substr(4));
  if (!old_size || std::to_string(*old_size) != lines[0].substr(4)) return bad_request("must begin with 'old SIZE'");
  if (lines.size() > most_consistency_hashes + 1) return bad_request("has more than 63 hashes");
  request.old_size = *old_size;
  for (const std::string_view line : std::span(lines).subspan(1)) {
    TRY(const Digest hash, parse_hash(line));
    request.proof.push_back(hash);
  }
  TRY(request.checkpoint, parse_note(body.substr(gap + 2)));
  return request;
}

WitnessVerdict witness(const AddCheckpoint& request, std::span<const NoteVerifier> logs,
                       const std::optional<Checkpoint>& seen) {
  auto next = parse_checkpoint(request.checkpoint.text);
  if (!next) return {.status = 400, .why = next.error().text()};
  const auto of_origin = [&](const NoteVerifier& log) { return log.name() == next->origin; };
  if (std::ranges::none_of(logs, of_origin)) return {.status = 404, .why = "no log of this name is witnessed here"};
  const bool signed_by_log = std::ranges::any_of(logs, [&](const NoteVerifier& log) {
    return of_origin(log) && log.kind() == NoteKeyKind::log && log.verify(request.checkpoint).has_value();
  });
  if (!signed_by_log) return {.status = 403, .why = "not signed by the log"};
  if (request.old_size > next->size) return {.status = 400, .why = "the old size is larger than the checkpoint's"};
  const Checkpoint last = seen.value_or(Checkpoint{next->origin, 0, sha256("")});
  if (request.old_size != last.size) return {.status = 409, .size = last.size, .why = "another size was seen last"};
  if (next->size == last.size && next->root != last.root) {
    return {.status = 409, .size = last.size, .why = "another tree of this size was seen"};
  }
  const auto consistent = verify_consistency(last.size, last.root, next->size, next->root, request.proof);
  if (!consistent) return {.status = 422, .why = consistent.error().text()};
  return {.accepted = std::move(*next)};
}

}  // namespace barrio::decide
