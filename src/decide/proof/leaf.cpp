#include "decide/proof/leaf.h"

#include "base/text.h"
#include "decide/proof/lines.h"

namespace barrio::decide {

namespace {

constexpr std::string_view leaf_version = "barrio.leaf/1";

std::string salted(const std::string& salt, std::string_view kind, std::string_view value) {
  std::string text(kind);
  text += '\0';
  text += value;
  return to_hex(hmac_sha256(salt, text));
}

int64_t ms_of(WallTime time) {
  return time.time_since_epoch().count();
}

tl::unexpected<Error> bad_leaf(std::string_view field, const char* why) {
  return fail(Code::invalid, why, "leaf: " + std::string(field));
}

std::string_view name_of(LogOperation operation) {
  switch (operation) {
    case LogOperation::stored: return "stored";
    case LogOperation::copied: return "copied";
    case LogOperation::deleted: return "deleted";
    case LogOperation::session: return "session";
    case LogOperation::placed: return "placed";
    case LogOperation::removed: return "removed";
  }
  return {};
}

Result<LogOperation> parse_operation(std::string_view text) {
  for (const auto operation : {LogOperation::stored, LogOperation::copied, LogOperation::deleted, LogOperation::session,
                               LogOperation::placed, LogOperation::removed}) {
    if (name_of(operation) == text) return operation;
  }
  return bad_leaf("operation", "is none that is known");
}

Result<LoggedSession> parse_session(LineReader& reader) {
  LoggedSession session;
  TRY(session.from, reader.time("from"));
  TRY(session.until, reader.time("until"));
  TRY(session.requests, reader.number("requests"));
  TRY(session.bytes_in, reader.number("bytes_in"));
  TRY(session.bytes_out, reader.number("bytes_out"));
  if (session.until <= session.from) return bad_leaf("until", "is not after its beginning");
  return session;
}

}  // namespace

std::string salted_tenant(const TenantSalt& salt, const TenantId& tenant) {
  return salted(salt, "tenant", tenant.str());
}

std::string salted_subject(const TenantSalt& salt, std::string_view subject) {
  return salted(salt, "subject", subject);
}

std::string salted_content(const TenantSalt& salt, std::string_view sha256) {
  return salted(salt, "content", sha256);
}

TenantSalt tenant_salt(std::string_view site_secret, const TenantId& tenant) {
  return TenantSalt(text_of(hmac_sha256(site_secret, "barrio.salt/1 " + tenant.str())));
}

std::string Leaf::str() const {
  std::string text(leaf_version);
  auto line = [&](std::string_view name, std::string_view value) {
    text.append("\n").append(name).append(" ").append(value);
  };
  line("operation", name_of(operation));
  line("time", std::to_string(ms_of(time)));
  line("site", site.str());
  line("jurisdiction", where.str());
  line("tenant", tenant);
  line("subject", subject);
  line("content", content.empty() ? "-" : content);
  line("policy", std::to_string(policy));
  if (session) {
    line("from", std::to_string(ms_of(session->from)));
    line("until", std::to_string(ms_of(session->until)));
    line("requests", std::to_string(session->requests));
    line("bytes_in", std::to_string(session->bytes_in));
    line("bytes_out", std::to_string(session->bytes_out));
  }
  return text + "\n";
}

Result<Leaf> parse_leaf(std::string_view text) {
  LineReader reader(text, "leaf");
  Leaf leaf;
  TRY(const std::string_view version, reader.line());
  if (version != leaf_version) return fail(Code::unsupported, "is not a barrio.leaf/1", "leaf");
  TRY(const std::string_view operation, reader.value("operation"));
  TRY(leaf.operation, parse_operation(operation));
  TRY(leaf.time, reader.time("time"));
  TRY(const std::string_view site, reader.value("site"));
  TRY(leaf.site, SiteId::parse(site));
  TRY(const std::string_view where, reader.value("jurisdiction"));
  TRY(leaf.where, Jurisdiction::parse(where));
  TRY(leaf.tenant, reader.hex("tenant"));
  TRY(leaf.subject, reader.hex("subject"));
  if (!reader.next_is("content -\n")) {
    TRY(leaf.content, reader.hex("content"));
  }
  TRY(leaf.policy, reader.number("policy"));
  if (leaf.operation == LogOperation::session) {
    TRY(leaf.session, parse_session(reader));
  }
  if (!reader.at_end()) return bad_leaf("", "has more lines than it should");
  return leaf;
}

Leaf make_leaf(const LogEvent& event, const SiteId& site, const TenantSalt& salt, WallTime time) {
  return {.operation = event.operation,
          .time = time,
          .site = site,
          .where = event.where,
          .tenant = salted_tenant(salt, event.tenant),
          .subject = salted_subject(salt, event.subject),
          .content = event.content.empty() ? "" : salted_content(salt, event.content),
          .policy = event.policy,
          .session = event.session};
}

}  // namespace barrio::decide
