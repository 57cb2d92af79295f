#pragma once
// What a site signs for one answer ("barrio.receipt/1", docs/proof.md): that it processed this request, where, under
// which policy, and in which minute, whose leaf in the log then counts it. A signed note in base64, for a header. Pure.

#include "decide/proof/leaf.h"
#include "decide/proof/note.h"

namespace barrio::decide {

struct Receipt {
  WallTime time;
  SiteId site;
  Jurisdiction where;
  std::string tenant;   // salted, as in the log's leaves
  std::string subject;  // salted
  int64_t policy = 0;
  std::string request;  // SHA-256 of the request's body, 64 hex digits
  int status = 0;       // of the answer
  std::string text() const;
  bool operator==(const Receipt&) const = default;
};

inline constexpr std::string_view receipt_header = "Barrio-Receipt";
inline constexpr size_t most_receipt_bytes = 4096;

std::string sign_receipt(const Receipt& receipt, const NoteSigner& log);
/// Errors: invalid (no receipt), denied (signed by none of these).
Result<Receipt> verify_receipt(std::string_view header, std::span<const NoteVerifier> logs);

}  // namespace barrio::decide
