#pragma once
// The few calls of S3 that a medium makes (S3 API reference, 2006-03-01), signed (SigV4), tried again where that helps:
// PutObject, with and without If-None-Match, GetObject, HeadObject, CopyObject, DeleteObjects, ListObjectsV2,
// GetBucketVersioning. Keys are within the configured prefix. Blocks, on any thread.

#include <atomic>
#include <functional>
#include <optional>
#include <span>

#include "adapters/s3/transport.h"

namespace barrio::adapters::s3 {

struct ServiceConfig {
  std::string endpoint;  // "https://host:port"; the bucket is in the path
  std::string bucket;
  std::string prefix;  // without slashes at its ends; may be empty
  std::string region;
  std::string key_id;
  std::string secret;
};

struct Listed {
  std::string key;
  uint64_t size = 0;
};

struct Head {
  uint64_t size = 0;
  std::string owner;  // as put_new said
};

class Service {
 public:
  static constexpr int most_attempts = 5;
  static constexpr int most_unanswered = 2;  // of these, each of which takes long

  Service(ServiceConfig config, std::unique_ptr<Transport> transport)
      : config_(std::move(config)), transport_(std::move(transport)) {}

  // Errors of all: unavailable (also: nobody knows whether it was done), exhausted; of get: not_found.

  Result<void> put(const std::string& key, std::string_view body) const;
  enum class Stored { yes, exists };
  /// Only where there is nothing (If-None-Match: *). `exists`: maybe what an earlier attempt of this very call put
  /// there.
  Result<Stored> put_new(const std::string& key, std::string_view body, const std::string& owner) const;
  /// The same; timed_out: there was no answer for so long that another call would take as long again.
  Result<Stored> put_next(const std::string& key, std::string_view body, const std::string& owner) const;
  Result<std::string> get(const std::string& key) const;
  /// Exactly these bytes.
  Result<std::string> get(const std::string& key, uint64_t offset, size_t size) const;
  /// None: there is no such object.
  Result<std::optional<Head>> head(const std::string& key) const;
  Result<void> copy(const std::string& from, const std::string& to) const;
  /// Those that are not there are no error.
  Result<void> remove(std::span<const std::string> keys) const;
  Result<void> list(const std::string& prefix, const std::function<void(Listed)>& take) const;
  /// Whether the bucket keeps what is replaced or removed. A service that does not know versions keeps none.
  Result<bool> keeps_versions() const;

 private:
  struct Ask {
    std::string method;
    std::string key = {};
    std::vector<std::pair<std::string, std::string>> query = {};
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string_view body = {};
    bool of_bucket = false;
  };
  std::string full(const std::string& key) const;
  HttpCall signed_call(const Ask& ask) const;
  /// The last answer, of whatever status, after what can pass was tried again.
  Result<HttpAnswer> call(const Ask& ask) const;
  Result<HttpAnswer> call_well(const Ask& ask) const;
  /// Of a call without an answer; one that was not made, since the service is not trusted, is always unavailable.
  tl::unexpected<Error> unanswered(const Error& error, Code code = Code::unavailable) const;
  tl::unexpected<Error> refused(const Ask& ask, const HttpAnswer& answer) const;

  const ServiceConfig config_;
  const std::unique_ptr<Transport> transport_;
  mutable std::atomic<uint64_t> jitter_{1};
};

}  // namespace barrio::adapters::s3
