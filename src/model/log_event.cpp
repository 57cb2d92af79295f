#include "model/log_event.h"

namespace barrio {

Result<void> LogEvent::check() const {
  constexpr size_t most_subject = 2048;  // a bucket's name and an object's key
  if (tenant.empty()) return fail(Code::invalid, "must be a tenant", "tenant");
  if (subject.empty() || subject.size() > most_subject)
    return fail(Code::invalid, "must be 1 to " + std::to_string(most_subject) + " bytes", "subject");
  const bool is_hash = content.size() == 64 && content.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!content.empty() && !is_hash) return fail(Code::invalid, "must be 64 lower-case hex digits, or empty", "content");
  if (where.str().empty()) return fail(Code::invalid, "must be the site's jurisdiction", "where");
  if (policy < 0) return fail(Code::invalid, "must not be negative", "policy");
  if (session.has_value() != (operation == LogOperation::session))
    return fail(Code::invalid, "must be there for a session, and only then", "session");
  if (!session) return {};
  if (session->until <= session->from) return fail(Code::invalid, "must end after it begins", "session");
  if (session->requests < 0 || session->bytes_in < 0 || session->bytes_out < 0)
    return fail(Code::invalid, "must count nothing negative", "session");
  return {};
}

}  // namespace barrio
