#include "api/operator/problem.h"

namespace barrio::api {

namespace {

const char* title_of(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 507: return "Insufficient Storage";
    default: return status < 500 ? "Bad Request" : "Internal Server Error";
  }
}

}  // namespace

int status_of(Code code) {
  switch (code) {
    case Code::not_found: return 404;
    case Code::conflict: return 409;
    case Code::invalid: return 400;
    case Code::denied: return 403;
    case Code::exhausted: return 507;
    case Code::unavailable: return 503;
    case Code::timed_out: return 504;
    case Code::cancelled: return 503;
    case Code::unsupported: return 422;
  }
  return 500;
}

Problem problem(int status, std::string detail) {
  Problem made;
  made.title = title_of(status);
  made.status = status;
  made.detail = std::move(detail);
  return made;
}

Problem problem(const Error& error) {
  Problem made = problem(status_of(error.code), error.what);
  if (!error.where.empty()) made.where = error.where;
  return made;
}

Problem problem(int status, const Refusal& refusal) {
  Problem made = problem(status, refusal.detail);
  made.reason = to_name(refusal.reason);
  if (!refusal.nearest.empty()) made.nearest = refusal.nearest;
  return made;
}

}  // namespace barrio::api
