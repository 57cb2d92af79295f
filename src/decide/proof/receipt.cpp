#include "decide/proof/receipt.h"

#include "base/base64.h"
#include "base/text.h"
#include "decide/proof/lines.h"
#include "model/site_identity.h"

namespace barrio::decide {

namespace {

constexpr std::string_view receipt_version = "barrio.receipt/1";

Result<Receipt> parse_receipt(std::string_view text) {
  LineReader reader(text, "receipt");
  Receipt receipt;
  TRY(const std::string_view version, reader.line());
  if (version != receipt_version) return fail(Code::unsupported, "is not a barrio.receipt/1", "receipt");
  TRY(receipt.time, reader.time("time"));
  TRY(const std::string_view site, reader.value("site"));
  TRY(receipt.site, SiteId::parse(site));
  TRY(const std::string_view where, reader.value("jurisdiction"));
  TRY(receipt.where, Jurisdiction::parse(where));
  TRY(receipt.tenant, reader.hex("tenant"));
  TRY(receipt.subject, reader.hex("subject"));
  TRY(receipt.policy, reader.number("policy"));
  TRY(receipt.request, reader.hex("request"));
  TRY(const int64_t status, reader.number("status"));
  if (status < 100 || status > 599 || !reader.at_end())
    return fail(Code::invalid, "has a bad status or more lines", "receipt");
  receipt.status = static_cast<int>(status);
  return receipt;
}

}  // namespace

std::string Receipt::text() const {
  return std::string(receipt_version) + "\ntime " + std::to_string(time.time_since_epoch().count()) + "\nsite " +
         site.str() + "\njurisdiction " + where.str() + "\ntenant " + tenant + "\nsubject " + subject + "\npolicy " +
         std::to_string(policy) + "\nrequest " + request + "\nstatus " + std::to_string(status) + "\n";
}

std::string sign_receipt(const Receipt& receipt, const NoteSigner& log) {
  const std::string text = receipt.text();
  return base64(Note{text, {log.sign(text)}}.str());
}

Result<Receipt> verify_receipt(std::string_view header, std::span<const NoteVerifier> logs) {
  const auto text = header.size() <= most_receipt_bytes ? from_base64(header) : std::nullopt;
  if (!text) return fail(Code::invalid, "must be at most 4 KiB of base64", "receipt");
  TRY(const Note note, parse_note(*text));
  TRY(auto receipt, parse_receipt(note.text));
  for (const NoteVerifier& log : logs) {
    const bool of_site = log.kind() == NoteKeyKind::log && log.name().starts_with(site_host(receipt.site) + "/");
    if (of_site && log.verify(note)) return receipt;
  }
  return fail(Code::denied, "is signed by no trusted log of site " + receipt.site.str(), "receipt");
}

}  // namespace barrio::decide
