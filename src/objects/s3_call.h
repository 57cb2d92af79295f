#pragma once
// One S3 request on its way through the service: who asks, for what, and its body, checked as it is read.

#include <map>
#include <optional>

#include "api/s3/checksums.h"
#include "api/s3/chunked.h"
#include "model/bucket.h"
#include "objects/conversation.h"
#include "objects/storage_usage.h"
#include "ports/object_store.h"

namespace barrio::objects {

struct S3Call {
  Conversation& conversation;
  api::s3::RequestView view;  // of the conversation's head
  std::string request_id;
  std::string bucket_name;           // empty: of the service
  std::string key;                   // empty: of the bucket
  TenantId tenant = {};              // empty: nobody signed
  std::optional<SiteId> entry = {};  // another site that passed it on
  std::optional<api::s3::SignatureClaim> claim = {};
  api::s3::ChunkSigning signing = {};
  net::OwnedHeaders cors = {};     // what the answer says to a page of another origin
  net::OwnedHeaders version = {};  // of which version it speaks
  RequestTally* tally = nullptr;   // never null in the service

  bool reads() const { return view.method == "GET" || view.method == "HEAD" || view.method == "OPTIONS"; }
  /// Puts an object, copies one, or uploads one in parts: what costs its tenant more from then on.
  bool adds_content() const;
  bool has(std::string_view parameter) const { return view.parameter(parameter).has_value(); }
  /// The query parameter that names what of the bucket or object is meant ("tagging"); empty: itself.
  std::string subresource() const;
  /// As it is counted.
  RequestTally::Kind kind() const;
  std::string header(std::string_view name) const { return std::string(view.header(name).value_or("")); }
  /// Empty: the current object is meant.
  std::string version_id() const { return view.parameter("versionId").value_or(""); }
  /// The answer speaks of this version; none: its bucket never kept versions.
  void set_version(const std::optional<ports::ObjectVersion>& spoken_of);
  /// Answers with what every answer has.
  void reply(int status, net::OwnedHeaders headers, std::string_view body);
  void reply_xml(std::string_view xml, int status = 200) { reply(status, {{"Content-Type", "application/xml"}}, xml); }
  void reply(const api::s3::Fault& fault);
};

/// The body of a call, decoded: pieces until an empty one, which comes only when all that was promised of it holds
/// (length, SHA-256 that was signed, Content-MD5, checksums in header or trailer). Nothing may come of it before.
class CheckedBody {
 public:
  static api::s3::Outcome<CheckedBody> of(S3Call& call);

  /// `spare`: memory that may be used again.
  api::s3::Outcome<std::string> read(std::string spare = {});
  /// All of it. MaxMessageLengthExceeded over `most`.
  api::s3::Outcome<std::string> read_all(size_t most);
  /// What was said of the decoded length; none: nothing.
  std::optional<uint64_t> length() const { return length_; }
  /// The checksum to keep: the client's, or one of ours. After the end.
  const std::optional<std::pair<api::s3::ChecksumKind, std::string>>& checksum() const { return kept_checksum_; }

 private:
  explicit CheckedBody(S3Call& call) : call_(&call) {}
  api::s3::Outcome<void> take(std::string_view decoded);
  api::s3::Outcome<void> check_end();

  S3Call* call_;
  std::optional<uint64_t> length_;
  std::optional<api::s3::ChunkedReader> chunks_;
  std::optional<api::s3::Checksum> checksum_;
  std::optional<std::string> expected_checksum_;  // none: in the trailer, or nobody said
  bool checksum_in_trailer_ = false;
  std::optional<Hasher> sha256_;
  std::optional<Hasher> md5_;
  std::string expected_md5_;
  uint64_t received_ = 0;
  std::optional<std::pair<api::s3::ChecksumKind, std::string>> kept_checksum_;
};

/// An error of the store or of control, as S3 tells it.
api::s3::Fault fault_of(const Error& error, std::string_view not_found_code);

}  // namespace barrio::objects
