#pragma once
// How operations fail: Result<T> carries a value or an Error. Operating errors (network, disk, peer, input) are
// Results; programming errors are CHECKs (base/check.h). Nothing of ours throws.

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace barrio {

/// Few on purpose: a new code needs a caller that reacts to it differently.
enum class Code { not_found, conflict, invalid, denied, exhausted, unavailable, timed_out, cancelled, unsupported };

/// `what` is one sentence for a person; `where` names the field, file:line or operation that it is about.
struct Error {
  Code code;
  std::string what;
  std::string where = {};

  /// "where: what", or just "what".
  std::string text() const { return where.empty() ? what : where + ": " + what; }
  /// The same error with one more layer of context in front of `where`.
  Error within(const std::string& context) && {
    where = where.empty() ? context : context + ": " + where;
    return std::move(*this);
  }
};

const char* to_string(Code code);

/// A value or an Error. Derived only to be [[nodiscard]], which tl::expected is not.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

/// `return fail(Code::invalid, "must be positive", "sites[3].power");`
inline tl::unexpected<Error> fail(Code code, std::string what, std::string where = {}) {
  return tl::unexpected<Error>(Error{code, std::move(what), std::move(where)});
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace barrio

#define BARRIO_JOIN2(a, b) a##b
#define BARRIO_JOIN(a, b) BARRIO_JOIN2(a, b)

/// `TRY(auto x, f());` declares x or returns f's error. `TRY_DO(f());` for Result<void>.
#define TRY(declaration, expression)                                       \
  auto BARRIO_JOIN(try_, __LINE__) = (expression);                         \
  if (!BARRIO_JOIN(try_, __LINE__)) {                                      \
    return ::barrio::fail(std::move(BARRIO_JOIN(try_, __LINE__)).error()); \
  }                                                                        \
  declaration = std::move(*BARRIO_JOIN(try_, __LINE__))
#define TRY_DO(expression)                                                 \
  do {                                                                     \
    auto try_result = (expression);                                        \
    if (!try_result) return ::barrio::fail(std::move(try_result).error()); \
  } while (false)
