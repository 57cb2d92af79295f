#pragma once
// Whom a bucket's owner lets in, and what nobody may do: the part of S3's bucket policies without conditions. Not to be
// mixed up with Policy (model/app.h), which says where the bytes may be, and which no bucket policy widens. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "api/s3/fault.h"

namespace barrio::api::s3 {

struct PolicyStatement {
  bool allows = false;               // else it denies
  bool anybody = false;              // Principal "*", nobody's signature included
  std::vector<std::string> tenants;  // else these
  std::vector<std::string> actions;  // "s3:get*": in lower case, as S3 tells no cases apart
  std::vector<std::string> keys;     // patterns behind arn:aws:s3:::BUCKET/
  bool of_bucket = false;            // arn:aws:s3:::BUCKET itself
};

enum class Access { unsaid, allowed, denied };

struct AccessQuestion {
  std::string_view tenant;  // empty: nobody signed
  std::string_view action;  // "s3:GetObject"
  std::string_view key;     // empty: the bucket itself
};

/// Of the JSON text, for the bucket of this name. MalformedPolicy, NotImplemented for conditions and Not... elements.
Outcome<std::vector<PolicyStatement>> parse_bucket_policy(std::string_view text, std::string_view bucket);

/// Every action stands for one that is asked here, and every principal can be a tenant's name: a statement that can
/// apply to nothing, such as a Deny with a slip in it, protects nobody. MalformedPolicy.
Outcome<void> check_names(const std::vector<PolicyStatement>& statements);

/// A statement that denies wins.
Access access_by(const std::vector<PolicyStatement>& statements, const AccessQuestion& question);

}  // namespace barrio::api::s3
