#include "model/prices.h"

#include "base/text.h"

namespace barrio {

namespace {

constexpr size_t most_decimals = 9;
constexpr uint64_t most_euros = 1'000'000;

tl::unexpected<Error> no_amount(std::string_view text) {
  return fail(Code::invalid, "'" + std::string(text.substr(0, 40)) +
                                 "' must be an amount from 0 to 1000000 with at most nine decimals, like 0.40EUR");
}

}  // namespace

Result<Euros> Euros::parse(std::string_view text) {
  const std::string_view given = text;
  text = trim(text);
  if (!text.ends_with("EUR")) return no_amount(given);
  text = trim(text.substr(0, text.size() - 3));
  const size_t point = text.find('.');
  const auto whole = parse_uint(text.substr(0, point));
  std::string decimals(point == std::string_view::npos ? "0" : text.substr(point + 1));
  if (!whole || *whole > most_euros || decimals.empty() || decimals.size() > most_decimals) return no_amount(given);
  decimals.resize(most_decimals, '0');
  const auto part = parse_uint(decimals);
  if (!part || (*whole == most_euros && *part != 0)) return no_amount(given);
  return of_nanos(static_cast<int64_t>(*whole) * nanos_each + static_cast<int64_t>(*part));
}

std::string Euros::str() const {
  std::string decimals = std::to_string(nanos_ % nanos_each);
  decimals.insert(0, most_decimals - decimals.size(), '0');
  while (decimals.size() > 2 && decimals.back() == '0') decimals.pop_back();
  return std::to_string(nanos_ / nanos_each) + "." + decimals + "EUR";
}

}  // namespace barrio
