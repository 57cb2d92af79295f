#include "model/bucket.h"

#include <algorithm>

#include "base/text.h"

namespace barrio {

BARRIO_JSON_HERE(StorageOrders)

namespace {

bool is_small_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool looks_like_ip(std::string_view text) {
  const auto parts = split(text, '.');
  return parts.size() == 4 &&
         std::ranges::all_of(parts, [](std::string_view part) { return parse_uint(part).has_value(); });
}

Result<void> check_copies(int copies) {
  if (copies >= 1 && copies <= NewBucket::most_copies) return {};
  return fail(Code::invalid, "must be from 1 to " + std::to_string(NewBucket::most_copies), "copies");
}

}  // namespace

Result<BucketName> BucketName::parse(std::string_view text) {
  const bool good = text.size() >= 3 && text.size() <= 63 && is_small_or_digit(text.front()) &&
                    is_small_or_digit(text.back()) && text.find("..") == std::string_view::npos &&
                    std::ranges::all_of(text, [](char c) { return is_small_or_digit(c) || c == '-' || c == '.'; }) &&
                    !looks_like_ip(text);
  if (good) return BucketName(std::string(text));
  return fail(Code::invalid,
              "a bucket's name must be 3 to 63 of a-z, 0-9, '-' and '.', begin and end with a letter or digit, and not "
              "look like an IP address");
}

Result<void> Bucket::check() const {
  if (id.size() != 32) return fail(Code::invalid, "must be 32 hexadecimal digits", "id");
  return policy.check();
}

const Follower* Bucket::follower(const SiteId& site) const {
  const auto found = std::ranges::find(followers, site, &Follower::site);
  return found == followers.end() ? nullptr : &*found;
}

int Bucket::in_sync() const {
  return 1 + static_cast<int>(std::ranges::count(followers, CopyState::in_sync, &Follower::state));
}

Result<void> NewBucket::check() const {
  if (name.empty()) return fail(Code::invalid, "is missing", "name");
  if (location.size() > 80) return fail(Code::invalid, "must be at most 80 characters", "location");
  if (policy) TRY_DO(policy->check());
  return check_copies(copies);
}

Result<void> BucketCopies::check() const {
  return check_copies(copies);
}

}  // namespace barrio
