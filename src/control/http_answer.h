#pragma once
// The kinds of answers that control's HTTP surface gives.

#include "api/operator/problem.h"
#include "net/http.h"

namespace barrio::control {

net::Response answer_json(int status, const Json& body);
inline net::Response answer_json(int status, JsonObject body) {
  return answer_json(status, Json(std::move(body)));
}
template <class T>
net::Response answer_json(int status, const T& body) {
  return answer_json(status, to_json(body));
}
net::Response answer(const api::Problem& problem);
net::Response answer(const Error& error);
/// 401 with the challenge that RFC 6750 section 3 asks for: of a token that is not good, or of none.
enum class Presented { nothing, bad_token };
net::Response unauthorized(Presented presented, const std::string& why);

}  // namespace barrio::control
