#pragma once
// Uploaded models among the members of control: an upload is acknowledged when most of them have it on their disks, and
// whoever lacks one fetches it from another. Kept out of the StateStore: models are larger than what etcd is made for.

#include <vector>

#include "control/accounts.h"
#include "control/blob_store.h"
#include "control/forwarding.h"

namespace barrio::control {

class BlobMembers {
 public:
  /// `others`: addresses as of Member, without this member's own.
  BlobMembers(ports::Runtime& runtime, CallMember call, Accounts& accounts, std::vector<std::string> others)
      : runtime_(runtime), call_(std::move(call)), accounts_(accounts), others_(std::move(others)) {}
  /// To all others; good when most members, this one counted, have it. Errors: unavailable.
  Result<void> copy(const std::string& sha256, const std::string& bytes);
  /// From the first that has it. Errors: not_found (nobody has it), unavailable (somebody could not be asked).
  Result<std::string> fetch(const std::string& sha256);
  BlobPeers peers() {
    return {.copy = [this](const std::string& sha256, const std::string& bytes) { return copy(sha256, bytes); },
            .fetch = [this](const std::string& sha256) { return fetch(sha256); }};
  }

 private:
  net::Request request(const char* method, const std::string& sha256);

  ports::Runtime& runtime_;
  CallMember call_;
  Accounts& accounts_;
  const std::vector<std::string> others_;
};

}  // namespace barrio::control
