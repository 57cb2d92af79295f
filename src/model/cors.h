#pragma once
// Which pages in browsers may call an app (Fetch standard, "CORS protocol").

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace barrio {

/// Where a page comes from, as a browser says it ("https://app.example.com", "http://localhost:5173"), or "*":
/// anywhere.
class WebOrigin {
 public:
  /// Errors: invalid.
  static Result<WebOrigin> parse(std::string_view text);
  const std::string& str() const { return text_; }
  bool operator==(const WebOrigin&) const = default;

 private:
  std::string text_;
};

struct CorsSpec {
  std::vector<WebOrigin> origins;  // 1 to most_origins
  Duration max_age = 10min;        // so long browsers need not ask again
  static constexpr std::string_view defaulted[] = {"max_age"};
  static constexpr size_t most_origins = 64;
  Result<void> check() const;
  /// What to answer to a page of this origin: "*", or the same; empty: it may not call.
  std::string_view allowed(std::string_view origin) const;
};
BARRIO_DESCRIBE(CorsSpec, (), (origins, max_age))

}  // namespace barrio
